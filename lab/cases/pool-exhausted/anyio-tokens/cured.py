"""The same catalogue; it awaits the slow server, and needs no thread for that.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/book")
async def book():
    reader, writer = await asyncio.open_connection(labkit.HOST, OPTIONS.peer_port)
    writer.write(b"GET /3 HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return len(answer)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
