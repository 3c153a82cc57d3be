"""Tasks in every state, waiting in every way."""

# It runs on interpreters that know no newer syntax, and its odd classes are what it is for.
# ruff: noqa: ANN001, ANN201, ANN202

import asyncio
import sys
import types

from kinds import KEEP, Failure, definition
from places import chain_of

HAS_GROUPS = sys.version_info >= (3, 11)


async def sleeper():
    """The innermost coroutine."""
    await asyncio.sleep(3600)


async def outer():
    """Awaits another."""
    await sleeper()


async def agen():
    """An async generator that awaits."""
    await asyncio.sleep(3600)
    yield 1


async def resting_agen():
    """An async generator that rests at a yield."""
    yield 1
    yield 2


async def streaming():
    """Waits for an async generator."""
    async for _ in agen():
        pass


@types.coroutine
def old_style():
    """A generator as coroutine."""
    yield from asyncio.sleep(3600).__await__()


async def failing():
    """Ends with an error."""
    raise Failure("no")


async def gathering(children):
    """Waits by gather."""
    await asyncio.gather(*children)


async def waiting(children):
    """Waits by wait."""
    await asyncio.wait(children)


async def with_timeout(child):
    """Waits by wait_for."""
    await asyncio.wait_for(child, 3600)


async def shielding(child):
    """Waits by shield."""
    await asyncio.shield(child)


async def direct(child):
    """Waits for the task itself."""
    await child


async def nested(child):
    """Waits by a shield in a gather."""
    await asyncio.gather(asyncio.shield(child))


async def grouping(made):
    """Waits by TaskGroup."""
    async with asyncio.TaskGroup() as group:
        made.append(start(outer(), "group child", group))


def start(coroutine, name, group=None):
    """Make a task and keep it."""
    task = group.create_task(coroutine) if group else asyncio.ensure_future(coroutine)
    task.set_name(name)
    KEEP.append(task)
    return task


def describe(task):
    """What a task says about itself."""
    state = "cancelled" if task.cancelled() else "finished" if task.done() else "pending"
    coroutine = task.get_coro()
    failed = state == "finished" and task.exception()
    return {
        "address": id(task),
        "name": task.get_name(),
        "state": state,
        "coroutine": coroutine.__qualname__,
        "definition": definition(coroutine.cr_code)[1:] if hasattr(coroutine, "cr_code") else None,
        "must_cancel": task._must_cancel,
        "cancels": task.cancelling() if HAS_GROUPS else None,
        "exception": type(failed).__name__ if failed else None,
        "waiter": id(task._fut_waiter) if task._fut_waiter is not None else None,
        "loop": id(task._loop),
        "chain": chain_of(coroutine),
    }


def start_tasks(parents):
    """Tasks in every state and with every kind of awaiter; `parents` gets child -> parent by name."""

    def child(parent):
        parents[parent + " child"] = [parent]
        return start(outer(), parent + " child")

    start(sleeper(), "sleeper")
    start(streaming(), "streaming")
    start(old_style(), "old style")
    start(failing(), "failing")
    start(outer(), "cancelled").cancel()
    start(gathering([child("gather"), sleeper()]), "gather")
    start(waiting([child("wait")]), "wait")
    start(with_timeout(child("wait_for")), "wait_for")
    start(shielding(child("shield")), "shield")
    start(direct(child("direct")), "direct")
    start(nested(child("nested")), "nested")
    shared = start(outer(), "shared")
    start(direct(shared), "sharing one")
    start(shielding(shared), "sharing two")
    parents["shared"] = ["sharing one", "sharing two"]
    if HAS_GROUPS:
        start(grouping(KEEP), "group")
        parents["group child"] = ["group"]
