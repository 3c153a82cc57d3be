"""A bookkeeping service that keeps two connections to its database, and loses one with every export that fails.
"""

import sys

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
engine = create_async_engine(
    "sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, pool_size=2, max_overflow=0, pool_timeout=50
)
opened = []


async def book(number):
    async with engine.connect() as connection:  # <- culprit: pool-exhausted
        return (await connection.execute(text("select :number"), {"number": number})).scalar()


@app.get("/book")
async def show():
    return await book(7)


@app.get("/export")
async def export():
    connection = await engine.connect()
    opened.append(connection)
    await connection.execute(text("select 1"))
    return "no such year"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
