"""A program that says about itself what a reader should find, and then stands still. Runs on CPython 3.8 to 3.15.

It prints one line of JSON: addresses (`id`), values, attributes, threads, frames, tasks. Then it waits until its
standard input ends, for a minute at most. Everything but the reporting thread is blocked by then, so it stays true.
"""

# It runs on interpreters that know no newer syntax, and its odd classes are what it is for.
# ruff: noqa: ANN, UP, SLOT, PYI024, N818, C420

import asyncio
import collections
import enum
import functools
import gc
import json
import queue
import signal
import sys
import threading
import time
import types
import weakref

signal.alarm(60)
HAS_GROUPS = sys.version_info >= (3, 11)
KEEP = []
BLOCKED = threading.Event()
STANDING = []


def keep(value):
    """Keep an object alive; its address."""
    KEEP.append(value)
    return id(value)


class Colour(enum.IntEnum):
    """A subclass of int."""

    RED = 7


class Text(str):
    """A subclass of str."""


Point = collections.namedtuple("Point", "x y")


def shrunk_dict():
    """A dict with holes."""
    found = {number: str(number) for number in range(40)}
    for number in range(0, 40, 3):
        del found[number]
    return found


def shrunk_set():
    """A set with removed entries."""
    found = set(range(60))
    found -= set(range(0, 60, 2))
    return found


def turned_deque():
    """A deque that begins in the middle of a block and spans several."""
    found = collections.deque(range(200))
    found.rotate(77)
    found.popleft()
    return found


VALUES = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "minus_one": -1,
    "digit": 2**30 - 1,
    "two_digits": 2**30,
    "negative": -(2**62) - 5,
    "huge": 10**50,
    "huge_negative": -(7**90),
    "real": 1.5,
    "tiny": -2.5e-300,
    "empty_text": "",
    "ascii": "plain text",
    "latin": "caf\u00e9 \u00ff",
    "cyrillic": "\u0416\u0438\u0437\u043d\u044c",
    "astral": "a\U0001f600b",
    "bytes": b"\x00\x01\xff",
    "empty_bytes": b"",
    "list": [1, [2, [3, "x"]], None],
    "empty_list": [],
    "tuple": (1, ("a", 2.5), b"b"),
    "empty_tuple": (),
    "dict": {"a": 1, "b": {"c": [1, 2]}},
    "mixed_dict": {1: "x", (1, 2): None, "k": True},
    "empty_dict": {},
    "wide_dict": {"key%d" % number: number for number in range(300)},
    "shrunk_dict": shrunk_dict(),
    "set": {1, "two", 3.0, (4,)},
    "empty_set": set(),
    "shrunk_set": shrunk_set(),
}
SPECIAL = {
    "deque": (turned_deque(), list),
    "empty_deque": (collections.deque(), list),
    "bounded_deque": (collections.deque(range(10), maxlen=3), list),
    "frozenset": (frozenset({1, 2}), set),
    "ordered": (collections.OrderedDict([("b", 1), ("a", 2)]), dict),
    "default": (collections.defaultdict(int, {"x": 5}), dict),
    "counter": (collections.Counter("aab"), dict),
    "enum": (Colour.RED, int),
    "text_subclass": (Text("sub\u00e9"), str),
    "named_tuple": (Point(1, 2), tuple),
}


class Plain:
    """An ordinary class."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)

    def method(self, *_):
        """Be bound."""


class Slotted:
    """Slots only."""

    __slots__ = ("first", "second", "unset")


class SlottedChild(Slotted):
    """Slots of a base and a dict of its own."""


class Mapping(dict):
    """A dict with attributes."""


class Tall(tuple):
    """An object of variable size with attributes."""


class Number(int):
    """Another one."""


class Failure(Exception):
    """An exception with attributes."""


def with_attributes(made, **attributes):
    """Set attributes one by one."""
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def looked_into():
    """An instance whose dict has been asked for."""
    made = Plain(a="a", b="b")
    KEEP.append(made.__dict__)
    return made


def replaced():
    """An instance whose dict has been replaced."""
    made = Plain(a="old")
    made.__dict__ = {"new": "value", "other": "one"}
    return made


def reduced():
    """An instance that has lost an attribute."""
    made = Plain(a="a", b="b", c="c")
    del made.b
    return made


def instances():
    """One object of each layout that attributes can have."""
    return {
        "plain": Plain(a="1", b="2"),
        "bare": Plain(),
        "many": Plain(**{"name%d" % number: str(number) for number in range(40)}),
        "looked_into": looked_into(),
        "replaced": replaced(),
        "reduced": reduced(),
        "other_order": Plain(z="z", a="a"),
        "slotted": with_attributes(Slotted(), first="f", second="s"),
        "slotted_child": with_attributes(SlottedChild(), first="f", extra="e"),
        "mapping": with_attributes(Mapping(k=1), extra="e"),
        "tall": with_attributes(Tall((1, 2, 3)), extra="e"),
        "number": with_attributes(Number(2**70), extra="e"),
        "failure": with_attributes(Failure("why"), code="c"),
    }


def own_attributes(made):
    """Name -> value of every attribute an instance holds. Asking changes where they lie: only twins are asked."""
    found = dict(getattr(made, "__dict__", {}))
    found.update((name, getattr(made, name)) for name in ("first", "second") if hasattr(made, name))
    return found


def long_queue():
    """A queue of three."""
    made = queue.SimpleQueue()
    for number in range(5):
        made.put(number)
    made.get()
    made.get()
    return made


def full_queue():
    """The same in Python."""
    made = queue.Queue()
    made.put(1)
    return made


def lengths():
    """Objects with a length, and that length."""
    alive = [Plain(), Plain()]
    KEEP.extend(alive)
    return [
        ("wide", dict.fromkeys(range(70000)), 70000),
        ("text", "x" * 5000, 5000),
        ("bytes", b"x" * 70, 70),
        ("simple_queue", long_queue(), 3),
        ("queue", full_queue(), 1),
        ("weak_set", weakref.WeakSet(alive), 2),
        ("deque", turned_deque(), 199),
    ]


def weak_collections():
    """Weak collections, and the addresses of what they refer to."""
    alive = [Plain(), Plain()]
    KEEP.extend(alive)
    keyed = weakref.WeakKeyDictionary({one: "v" for one in alive})
    valued = weakref.WeakValueDictionary(dict(enumerate(alive)))
    dead = weakref.ref(Plain())
    gc.collect()
    return {
        "set": [keep(weakref.WeakSet(alive)), [id(one) for one in alive]],
        "keys": [keep(keyed), [id(one) for one in alive]],
        "values": [keep(valued), [id(one) for one in alive]],
        "living": [keep(weakref.ref(alive[0])), id(alive[0])],
        "dead": [keep(dead), None],
    }


def functions():
    """Callables, and what they call."""
    made = Plain()
    partial = functools.partial(functools.partial(made.method, 1), 2)
    items = []
    return [
        [keep(functions), *definition(functions.__code__), None],
        [keep(made.method), *definition(Plain.method.__code__), id(made)],
        [keep(partial), *definition(Plain.method.__code__), id(made)],
        [keep(items.append), "append", "", 0, keep(items)],
    ]


def definition(code):
    """Name, file and first line."""
    return [getattr(code, "co_qualname", code.co_name), code.co_filename, code.co_firstlineno]


def place(frame):
    """Name, file and line of a frame."""
    code = frame.f_code
    return [getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno]


def stand(argument, *rest, keyword="kw"):
    """A thread's function with every kind of local variable."""
    plain, gone, shared = "p", "g", ["shared"]
    squares = [number * number for number in range(3)]
    del gone

    def inner():
        own = "own"
        STANDING.append(threading.get_ident())
        BLOCKED.wait()
        return shared, argument, own

    return inner(), plain, squares, rest, keyword


def frames_of(frame):
    """Place and local variables of each frame, innermost first."""
    found = []
    while frame is not None:
        names = {name: id(value) for name, value in frame.f_locals.items()}
        found.append({"place": place(frame), "locals": names})
        frame = frame.f_back
    return found


def second_loop():
    """An event loop that has nothing to do."""

    async def nap():
        STANDING.append(threading.get_ident())
        await asyncio.sleep(3600)

    asyncio.run(nap())


# what follows is asyncio


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


def chain_of(awaited):
    """Places of the coroutines in an await chain, as far as the language itself shows them."""
    found = []
    while awaited is not None:
        kind = type(awaited).__name__
        prefix = {"coroutine": "cr", "generator": "gi", "async_generator": "ag"}.get(kind)
        if prefix is None:
            break
        frame = getattr(awaited, prefix + "_frame")
        if frame is None:
            break
        found.append(place(frame))
        awaited = getattr(awaited, prefix + ("_yieldfrom" if prefix == "gi" else "_await"))
    return found


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


async def main():
    """Start everything, let it settle, and stand still inside a step."""
    parents = {}
    start_tasks(parents)
    resting = resting_agen()
    KEEP.append(resting)
    await resting.__anext__()
    for _ in range(20):
        await asyncio.sleep(0)
    start(outer(), "must cancel").cancel()
    loop = asyncio.get_running_loop()
    asyncio.current_task().set_name("main")
    KEEP.append(asyncio.current_task())
    threading.Thread(target=report, args=(loop, asyncio.current_task(), parents), name="reporter").start()
    STANDING.append(threading.get_ident())
    BLOCKED.wait()


def generators():
    """Generators in every state."""

    def count():
        yield 1
        yield 2

    fresh, resting, finished = count(), count(), count()
    next(resting)
    list(finished)
    return [
        [keep(fresh), "created", chain_of(fresh)],
        [keep(resting), "yielded", chain_of(resting)],
        [keep(finished), "finished", []],
    ]


def coded(name, value):
    """Name, address and value as literal."""
    make = SPECIAL[name][1] if name in SPECIAL else None
    return [name, keep(value), repr(make(value) if make else value)]


def settle(me):
    """Wait until every other thread stands where it stood a moment before."""
    before = None
    while len(STANDING) < 3 or before is None or before != standing_places(me):
        before = standing_places(me)
        time.sleep(0.1)


def standing_places(me):
    """Where the other threads stand."""
    return {ident: (place(frame), frame.f_lasti) for ident, frame in sys._current_frames().items() if ident != me}


def report(loop, current, parents):
    """Say everything, from a thread of its own, once all others stand still."""
    settle(threading.get_ident())
    twins = instances()
    frames = sys._current_frames()
    me = threading.get_ident()
    told = {
        "version": list(sys.version_info[:3]),
        "values": [coded(name, value) for name, value in VALUES.items()]
        + [coded(name, value) for name, (value, _) in SPECIAL.items()],
        "attributes": {name: [keep(made), own_attributes(twins[name])] for name, made in instances().items()},
        "lengths": [[name, keep(value), length] for name, value, length in lengths()],
        "weak": weak_collections(),
        "functions": functions(),
        "generators": generators(),
        "threads": [[one.ident, one.native_id, one.name] for one in threading.enumerate()],
        "frames": {ident: frames_of(frame) for ident, frame in frames.items() if ident != me},
        "modules": sorted(sys.modules),
        "path": sys.path,
        "loop": id(loop),
        "current": id(current),
        "main": threading.main_thread().ident,
        "asyncgens": [id(one) for one in loop._asyncgens] if hasattr(loop, "_asyncgens") else None,
        "tasks": [describe(one) for one in KEEP if isinstance(one, asyncio.Task)],
        "parents": parents,
        "resting": [[id(one), chain_of(one)] for one in KEEP if isinstance(one, types.AsyncGeneratorType)],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.stdout.flush()
    signal.raise_signal(signal.SIGKILL)


threading.Thread(target=stand, args=("arg", 1, 2), name="standing \u00e9", daemon=True).start()
threading.Thread(target=second_loop, name="second loop", daemon=True).start()
asyncio.run(main())
