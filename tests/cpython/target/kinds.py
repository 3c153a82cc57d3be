"""Objects of every kind, and what is true of each."""

# It runs on interpreters that know no newer syntax, and its odd classes are what it is for.
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN204, C420, N818, PYI024, SLOT000, SLOT001, UP031

import collections
import enum
import functools
import gc
import queue
import weakref

KEEP = []


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


def waiting_items():
    """What lies in a simple queue whose ring has turned, by address, the next one first."""
    made, items = queue.SimpleQueue(), [Plain() for _ in range(9)]
    for item in items[:6]:
        made.put(item)
    for _ in range(5):
        made.get()
    for item in items[6:]:
        made.put(item)
    KEEP.extend([made, *items])
    return [id(made), [id(item) for item in items[5:]]]


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
