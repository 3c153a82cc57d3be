"""A line server on Trio whose second task polls for a new tariff, and gives way with a pause of no length.
"""

import sys

import trio

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Tariff:
    new = None


async def watch(tariff):
    while tariff.new is None:  # <- culprit: callback-storm
        await trio.sleep(0)  # <- culprit: callback-storm


async def answer(stream):
    try:
        head = await stream.receive_some(4096)
        body = head.split(b" ")[1]
        await stream.send_all(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except (trio.BrokenResourceError, IndexError):
        pass
    finally:
        await stream.aclose()


async def serve():
    await trio.serve_tcp(answer, OPTIONS.port, host=labkit.HOST)


async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, Tariff())
        nursery.start_soon(serve)


trio.run(main)
