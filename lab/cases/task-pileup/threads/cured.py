"""The same reports; each gives its thread the sign when it is done.
"""

import asyncio
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def supervise(done):
    done.wait()


async def report():
    done = threading.Event()
    threading.Thread(target=supervise, args=(done,), daemon=True).start()
    done.set()
    return "report"


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/report": report, "/ping": ping}, OPTIONS))
