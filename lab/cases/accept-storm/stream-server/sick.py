"""A stream server on asyncio, with a long queue of connections: clients that say nothing are kept for ever.
"""

import asyncio
import logging
import resource
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))  # as a day of clients would do with the usual 1,024
logging.basicConfig(filename="/dev/null")


async def answer(reader, writer):
    while True:
        line = await reader.readline()  # <- culprit: accept-storm
        if not line:
            break
        writer.write(line)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(answer, labkit.HOST, OPTIONS.port, backlog=4096)
    await server.serve_forever()


asyncio.run(main())
