"""The same line server: an order waits for its parcel for half a second at most.

Whoever unpacks waits for the next parcel where one is damaged; what else goes wrong is let through.
"""

import sys

import trio

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


async def unpack(parcels):
    while True:
        try:
            return await parcels.receive()
        except ValueError:
            continue


async def order(parcels):
    with trio.move_on_after(0.5):
        return await unpack(parcels)
    return b"late"


async def main():
    _, parcels = trio.open_memory_channel(1)

    async def answer(stream):
        try:
            head = await stream.receive_some(4096)
            body = await order(parcels) if b" /order " in head else b"pong"
            await stream.send_all(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        except (trio.BrokenResourceError, trio.EndOfChannel):
            pass
        finally:
            await stream.aclose()

    await trio.serve_tcp(answer, OPTIONS.port, host=labkit.HOST)


trio.run(main)
