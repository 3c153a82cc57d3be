"""A counter shared with a background thread, which holds the lock while it writes; the handler waits for the lock on the loop.
"""

import sys
import threading
import time

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
counting = threading.Lock()

def flush():
    while True:
        with counting:
            time.sleep(0.4)
        time.sleep(0.1)


@app.get("/count")
async def count():
    counting.acquire()  # <- culprit: blocking-call-on-loop
    counting.release()
    return "counted"


threading.Thread(target=flush, name="flush", daemon=True).start()


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
