"""An echo over a websocket that takes every error for a hiccup. After the goodbye, `receive_text` fails at once without ever
waiting: the coroutine never gives the loop back, and the whole service stands still.
"""

import logging
import sys

from fastapi import FastAPI, WebSocket

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
log = logging.getLogger("echo")

@app.websocket("/echo")
async def echo(peer: WebSocket):
    await peer.accept()
    while True:
        try:
            text = await peer.receive_text()  # <- culprit: unyielding-coroutine
            await peer.send_text(text)
        except Exception as problem:
            log.debug("a hiccup: %s", problem)  # <- culprit: unyielding-coroutine


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS, ws="wsproto")
