"""The same counter; the background thread holds the lock for a moment only, and writes without it.
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
            pass
        time.sleep(0.5)


@app.get("/count")
async def count():
    counting.acquire()
    counting.release()
    return "counted"


threading.Thread(target=flush, name="flush", daemon=True).start()


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
