"""A service on an event loop that waits for the end of a program without reading what it writes: the stream fills up.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
CONVERTER = [sys.executable, "-c", "import signal; signal.alarm(60); print('x' * 1000000)"]


async def convert():
    converter = await asyncio.create_subprocess_exec(*CONVERTER, stdout=asyncio.subprocess.PIPE)
    await converter.wait()  # <- culprit: deadlock
    return (await converter.stdout.read()).decode()


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/convert": convert, "/ping": ping}, OPTIONS))
