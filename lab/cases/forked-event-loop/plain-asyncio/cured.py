"""The same server; the socket is bound before the fork, each process makes its own event loop, and the handler awaits.
"""

import asyncio
import os
import socket
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


async def answer(reader, writer):
    request = await reader.readline()
    if b"/report" in request:
        await asyncio.sleep(OPTIONS.seconds)
    writer.write(b"HTTP/1.0 200 OK\r\n\r\ndone")
    writer.close()


listener = socket.create_server((labkit.HOST, OPTIONS.port))
os.fork()
labkit.end_after(OPTIONS.seconds)
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(asyncio.start_server(answer, sock=listener))
loop.run_forever()
