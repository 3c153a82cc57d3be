"""A shop that keeps its stock in memory and tidies up after each order: every time, the collector goes through all of it.
"""

import asyncio
import gc
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
STOCK = [{"article": number, "tags": [str(number)]} for number in range(200000)]


async def order():
    basket = [dict(STOCK[number]) for number in range(50)]
    gc.collect()  # <- culprit: gc-pressure
    return str(len(basket))


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/order": order, "/ping": ping}, OPTIONS))
