"""A line server on Trio writes each line to its slow journal in a thread.
"""

import sys
import time

import trio

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def journal(line):
    time.sleep(0.2)
    return line


async def answer(stream):
    try:
        head = await stream.receive_some(4096)
        body = head.split(b" ")[1]
        if body != b"/ping":
            await trio.to_thread.run_sync(journal, body)
        await stream.send_all(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except (trio.BrokenResourceError, IndexError):
        pass
    finally:
        await stream.aclose()


async def main():
    await trio.serve_tcp(answer, OPTIONS.port, host=labkit.HOST)


trio.run(main)
