"""A stream server on asyncio, with a long queue of connections: clients that say nothing for a tenth of a second are sent away.
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
    try:
        while True:
            line = await asyncio.wait_for(reader.readline(), 0.1)
            if not line:
                break
            writer.write(line)
            await writer.drain()
    except asyncio.TimeoutError:
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(answer, labkit.HOST, OPTIONS.port, backlog=4096)
    await server.serve_forever()


asyncio.run(main())
