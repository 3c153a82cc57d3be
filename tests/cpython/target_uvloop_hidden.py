"""A program whose uvloop no variable of a running function shows, with a task that blocks it; for a minute at most."""

import asyncio
import json
import operator
import signal
import sys
import time

import uvloop

signal.alarm(60)


async def main():  # noqa: ANN201 - as the other targets
    """Say what there is, and block."""
    told = {"loop": id(asyncio.get_running_loop())}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    time.sleep(3600)  # noqa: ASYNC251 - that is what is looked at


LOOPS = [uvloop.new_event_loop()]
list(map(operator.methodcaller("run_until_complete", main()), LOOPS))
