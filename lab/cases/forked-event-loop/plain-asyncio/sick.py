"""A line server on asyncio alone: one event loop, made before the fork, run by the parent and by its child.

Both processes wait on the same epoll. A handler blocks its process; when its client hangs up, the other process is woken for a
descriptor that it does not have, at full speed, until the handler returns.
"""

import asyncio
import os
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


async def answer(reader, writer):
    request = await reader.readline()
    if b"/report" in request:
        time.sleep(OPTIONS.seconds)  # <- culprit: blocking-call-on-loop
    writer.write(b"HTTP/1.0 200 OK\r\n\r\ndone")
    writer.close()


loop = asyncio.new_event_loop()  # <- culprit: forked-event-loop
asyncio.set_event_loop(loop)
loop.run_until_complete(asyncio.start_server(answer, labkit.HOST, OPTIONS.port))  # <- culprit: forked-event-loop
os.fork()  # <- culprit: forked-event-loop
labkit.end_after(OPTIONS.seconds)
asyncio.set_event_loop(loop)
loop.run_forever()
