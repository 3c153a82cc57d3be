"""Reports with a thread of its own for each, which waits for a sign to go home that nobody gives.
"""

import asyncio
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def supervise(done):
    done.wait()  # <- culprit: task-pileup


async def report():
    done = threading.Event()
    threading.Thread(target=supervise, args=(done,), daemon=True).start()
    return "report"


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/report": report, "/ping": ping}, OPTIONS))
