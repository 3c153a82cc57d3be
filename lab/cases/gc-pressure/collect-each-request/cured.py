"""The same shop; what an order leaves behind is freed without the collector.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
STOCK = [{"article": number, "tags": [str(number)]} for number in range(200000)]


async def order():
    basket = [dict(STOCK[number]) for number in range(50)]
    return str(len(basket))


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/order": order, "/ping": ping}, OPTIONS))
