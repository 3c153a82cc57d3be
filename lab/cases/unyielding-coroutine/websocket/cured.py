"""The same echo; the goodbye ends the loop.
"""

import logging
import sys

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

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
            text = await peer.receive_text()
            await peer.send_text(text)
        except WebSocketDisconnect:
            return
        except Exception as problem:
            log.debug("a hiccup: %s", problem)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS, ws="wsproto")
