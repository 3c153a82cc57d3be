"""A parser of line-based uploads without a framework. It reads until the end mark; a truncated upload has none, and at the end of the
buffer every further line is empty: the loop has no end and no await.
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
        line = upload.readline().strip()  # <- culprit: unyielding-coroutine
        if line == "END":  # <- culprit: unyielding-coroutine
            return records
        if line:  # <- culprit: unyielding-coroutine
            records += 1


async def whole():
    return str(parse(io.StringIO("one\ntwo\nEND\n")))


async def truncated():
    return str(parse(io.StringIO("one\ntwo\n")))


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/whole": whole, "/truncated": truncated, "/ping": ping}, OPTIONS))
