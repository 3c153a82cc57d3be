"""The same parser; the end of the buffer ends it too.
"""

import asyncio
import io
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def parse(upload):
    records = 0
    while True:
        line = upload.readline()
        if line in ("", "END\n"):
            return records
        if line.strip():
            records += 1


async def whole():
    return str(parse(io.StringIO("one\ntwo\nEND\n")))


async def truncated():
    return str(parse(io.StringIO("one\ntwo\n")))


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/whole": whole, "/truncated": truncated, "/ping": ping}, OPTIONS))
