"""A healthy notifier: a thousand websockets that are open for long, and are told something now and then."""

import asyncio
import sys

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
listeners = set()


@app.websocket("/news")
async def news(socket: WebSocket):
    await socket.accept()
    listeners.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        listeners.discard(socket)


async def publish():
    while True:
        for socket in list(listeners)[:100]:
            await socket.send_text("news")
        await asyncio.sleep(1)


@app.on_event("startup")
async def start():
    app.state.publisher = asyncio.ensure_future(publish())


@app.get("/ping")
async def ping():
    return len(listeners)


labkit.serve(app, OPTIONS, ws="wsproto")
