"""A service on an event loop that waits for the end of a program and reads what it writes.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
CONVERTER = [sys.executable, "-c", "import signal; signal.alarm(60); print('x' * 1000000)"]


async def convert():
    converter = await asyncio.create_subprocess_exec(*CONVERTER, stdout=asyncio.subprocess.PIPE)
    body, _ = await converter.communicate()
    return body.decode()


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/convert": convert, "/ping": ping}, OPTIONS))
