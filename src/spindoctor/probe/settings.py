"""Development settings in memory: loops in debug mode, applications with `debug` on, modification times of sources.

What is read are attributes that the standard library documents (`loop.get_debug()`, `sys.flags.dev_mode`), and what a
reloader that polls cannot do without: a dict of the source files and when each was changed.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from spindoctor.cpython.classes import DICT
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.tracers import Tracers
from spindoctor.errors import DoctorError, Misread
from spindoctor.model.frames import Frame
from spindoctor.model.switches import Switch, WatchedFiles
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.loops import STARTER_FILE, LoopWatch

DEV_MODE_AT = 13
"""Where `dev_mode` stands in `sys.flags` since 3.7 (Python/sysmodule.c, `flags_fields`)."""

DEBUG_NAME = "PYTHONASYNCIODEBUG"
SOURCE = ".py"
INNER_FRAMES = 12
OUTER_FRAMES = 24
"""Of a deep stack both ends are looked at: what a reloader keeps is held where its loop is, far from its last call."""

MOST_TRIES = 8
"""So often a thread that runs is asked for what it keeps: of a stack that moves, any single read may lose the frame."""

MOST_DICTS = 64
MOST_OBJECTS = 400
SAMPLE_FILES = 8
"""So many keys of a dict are looked at; most of them must be source files."""

YEAR_2000 = 9.5e8
"""Seconds since the epoch: a smaller number is no time at which a file was changed. In nanoseconds it is larger."""

PATH_MAX = 4096
"""Bytes of the longest path that Linux takes (limits.h): how a path ends is known only when all of it is read."""

PATH_PARTS = ("_str", "_raw_paths", "_parts", "_raw_path")
"""Where `pathlib` keeps the text of a path: 3.8 to 3.15 (Lib/pathlib)."""

MOST_MODULES = 200
MOST_ALIKE = 3
"""Of threads that stand at the same place, so many are asked: a pool's members wait by the hundred, in the same way."""

Stacks = Mapping[int, Sequence[RawFrame]]
"""The frames of each thread, innermost first."""

Path = tuple[str, tuple[str, ...]]
"""A module, and the attributes that lead from what it holds to a switch."""


class SettingsReader:
    """Reads the settings of one process; what cannot be read is left out."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self.found: tuple[Switch, ...] = ()
        self._watched: dict[int, WatchedFiles] = {}
        self._tries: Counter[int] = Counter()

    @property
    def watched_files(self) -> tuple[WatchedFiles, ...]:
        """The threads that keep the modification times of source files."""
        return tuple(self._watched.values())

    def read(
        self,
        loops: Iterable[LoopWatch],
        stacks: Stacks,
        environment: Sequence[str],
        paths: Iterable[Path],
        modules: Sequence[str],
    ) -> None:
        """Read the switches that are on now. `paths` are known places of switches, `modules` the user's."""
        switches = [*self._loops(loops, stacks, environment), *self._named(paths)]
        self.found = (*switches, *self._of_modules(modules[:MOST_MODULES]))

    def read_tracers(self, states: Mapping[int, int]) -> None:
        """Read also what these threads, by the addresses of their states, call by the way."""
        self.found = (*self.found, *self._tracers(states))

    def seek_watched(self, stacks: Stacks) -> None:
        """Look whether one of these threads keeps the modification times of source files, unless that is known."""
        alike: Counter[tuple[tuple[int, int], ...]] = Counter()
        for tid, frames in stacks.items():
            place = tuple([(raw.code, raw.instruction) for raw in frames])
            alike[place] += 1
            if tid not in self._watched and self._tries[tid] < MOST_TRIES and alike[place] <= MOST_ALIKE:
                self._tries[tid] += 1
                found = self._watched_by(tid, frames)
                if found:
                    self._watched[tid] = found

    def _loops(self, loops: Iterable[LoopWatch], stacks: Stacks, environment: Sequence[str]) -> list[Switch]:
        """The debug mode of each loop."""
        by_start = self._by_start(environment)
        found = []
        for loop in loops:
            debug = self._truth(loop.loop, "_debug")
            if debug or (debug is None and by_start):
                shown = "; ".join(filter(None, ["_debug of the event loop is True" if debug else "", by_start]))
                turned_on = self._turned_on(stacks.get(loop.tid, ()))
                found.append(Switch("asyncio debug", shown, loop.tid, turned_on, from_start=bool(by_start)))
        return found

    def _tracers(self, states: Mapping[int, int]) -> Iterator[Switch]:
        """What threads call by the way."""
        tracers = Tracers(self._interpreter.reader, self._objects.functions)
        for tid, state in states.items():
            with suppress(Misread):
                for one in tracers.of(state):
                    shown = f"its {one.kind} function is {one.function.function}"
                    yield Switch(f"{one.kind} function", shown, tid, calls=one.function)

    def _named(self, paths: Iterable[Path]) -> list[Switch]:
        """The switches at known places that are on."""
        return [
            Switch("application debug", f"{'.'.join((module, *path))} is True")
            for module, path in paths
            if self._at(module, path)
        ]

    def _of_modules(self, modules: Iterable[str]) -> list[Switch]:
        """Objects in these modules whose own `debug` is on, or that hold a dict in which it is."""
        found: dict[int, Switch] = {}
        for module in modules:
            try:
                contents = list(self._interpreter.module_contents(module).items())[:MOST_OBJECTS]
            except (Misread, DoctorError):
                continue
            for name, address in contents:
                where = self._debug_of(address)
                if where:
                    found.setdefault(address, Switch("application debug", f"{module}.{name}{where} is True"))
        return list(found.values())

    def _by_start(self, environment: Sequence[str]) -> str:
        if self._dev_mode():
            return "sys.flags.dev_mode is True (-X dev or PYTHONDEVMODE)"
        return f"{DEBUG_NAME} is set in the environment" if DEBUG_NAME in environment else ""

    def _dev_mode(self) -> bool:
        try:
            flags = self._interpreter.module_contents("sys").get("flags")
            items = self._objects.items(flags) if flags else ()
            return len(items) > DEV_MODE_AT and bool(self._objects.value(items[DEV_MODE_AT]))
        except Misread:
            return False

    def _truth(self, address: int, name: str) -> bool | None:
        """Whether an attribute is true; None where there is none."""
        try:
            value = self._objects.attributes(address).get(name)
            return bool(self._objects.value(value)) if value else None
        except Misread:
            return None

    def _turned_on(self, frames: Sequence[RawFrame]) -> Frame | None:
        """Who called `asyncio.run(..., debug=True)`, which is on the stack as long as the loop runs."""
        for inner, outer in itertools.pairwise(frames):
            if inner.frame.file.endswith(STARTER_FILE) and not outer.frame.file.endswith(STARTER_FILE):
                try:
                    given = self._interpreter.locals(inner).get("debug")
                    return outer.frame if given and self._objects.value(given) is True else None
                except Misread:
                    return None
        return None

    def _at(self, module: str, path: Sequence[str]) -> bool:
        try:
            found = self._interpreter.module_contents(module).get(path[0])
            found = self._objects.attribute(found, *path[1:]) if found else None
            return found is not None and self._objects.value(found) is True
        except (Misread, DoctorError):
            return False

    def _debug_of(self, address: int) -> str:
        """By which attribute an object says that it is in debug mode; empty where it does not."""
        try:
            if self._objects.type_name(address) in {"module", "type", "function"}:
                return ""
            held = self._objects.attributes(address)
            own = next((name for name in ("debug", "_debug") if name in held and self._is_true(held[name])), None)
            if own:
                return f".{own}"
            for name in ("config", "settings"):
                if name in held and self._objects.classes.of(held[name]).flags & DICT:
                    inside = self._objects.named_items(held[name])
                    key = next((one for one in inside if one.lower() == "debug" and self._is_true(inside[one])), None)
                    if key:
                        return f".{name}[{key!r}]"
        except Misread:
            pass
        return ""

    def _is_true(self, address: int) -> bool:
        return self._objects.value(address) is True

    def _watched_by(self, tid: int, frames: Sequence[RawFrame]) -> WatchedFiles | None:
        found = None
        for raw in _ends(frames):
            for name, address in self._dicts(raw):
                files = self._source_files(address)
                if files:
                    found = WatchedFiles(tid, name, self._objects.length(address), files[0], raw.frame)
        return found

    def _dicts(self, raw: RawFrame) -> Iterator[tuple[str, int]]:
        """The dicts in a frame's variables and in the attributes of its `self`."""
        try:
            variables = self._interpreter.locals(raw)
            holder = variables.get("self")
            held = self._objects.attributes(holder) if holder else {}
        except Misread:
            return
        for name, address in itertools.islice({**held, **variables}.items(), MOST_DICTS):
            try:
                if self._objects.classes.of(address).flags & DICT:
                    yield name, address
            except Misread:
                continue

    def _source_files(self, address: int) -> list[str]:
        """The first source files of a dict that maps most of its keys, source files, to times."""
        try:
            pairs = self._objects.pairs(address)[:SAMPLE_FILES]
            files = [
                text for key, value in pairs if self._is_time(value) and (text := self._path(key)).endswith(SOURCE)
            ]
        except Misread:
            return []
        return files if files and len(files) * 2 > len(pairs) else []

    def _is_time(self, address: int) -> bool:
        value = self._objects.value(address)
        return isinstance(value, int | float) and not isinstance(value, bool) and value > YEAR_2000

    def _path(self, address: int) -> str:
        value = self._objects.value(address, limit=PATH_MAX)
        if isinstance(value, str):
            return value
        held = self._objects.attributes(address)
        for name in PATH_PARTS:
            value = self._objects.value(held[name], limit=PATH_MAX) if name in held else None
            if isinstance(value, str):
                return value
            if isinstance(value, list) and value:
                return str(value[-1])
        return ""


def _ends(frames: Sequence[RawFrame]) -> Sequence[RawFrame]:
    """The innermost and the outermost frames."""
    return (*frames[:INNER_FRAMES], *frames[INNER_FRAMES:][-OUTER_FRAMES:])
