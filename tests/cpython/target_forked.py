"""A program that forks while its event loop runs. Runs on Python 3.8."""

import asyncio
import json
import os
import signal
import sys
import time

LIFE_S = 60


async def main() -> None:
    child = os.fork()
    signal.alarm(LIFE_S)
    if not child:
        time.sleep(LIFE_S)  # noqa: ASYNC251 - it stays where it was forked
    sys.stdout.write(json.dumps({"child": child}) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(LIFE_S)


asyncio.run(main())
