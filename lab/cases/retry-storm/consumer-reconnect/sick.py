"""A service with a consumer of jobs whose broker is down, and that connects again at once each time.
"""

import asyncio
import logging
import socket
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit
import redis.asyncio
import redis.exceptions

OPTIONS = labkit.begin(__file__)

logging.basicConfig(filename="/dev/null")
log = logging.getLogger("jobs")
broker = socket.socket()
broker.bind((labkit.HOST, 0))  # a port of its own on which nobody listens: each connection is refused
done = []


async def next_job(client):
    key, job = await client.blpop("jobs", timeout=5)  # <- culprit: retry-storm
    return job


async def consume():
    client = redis.asyncio.Redis(host=labkit.HOST, port=broker.getsockname()[1])
    while True:
        try:
            done.append(await next_job(client))  # <- culprit: retry-storm
        except redis.exceptions.ConnectionError as error:
            log.error("the broker is gone, connecting again: %s", error)
            await asyncio.sleep(0)


async def ping():
    return "pong"


async def main():
    consumer = asyncio.ensure_future(consume())
    await labkit.listen({"/ping": ping}, OPTIONS)
    consumer.cancel()


asyncio.run(main())
