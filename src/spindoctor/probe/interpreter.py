"""One live CPython, looked at from outside: everything the other rooms may ask of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from spindoctor.cpython.awaiters import Awaiters
from spindoctor.cpython.coroutines import Chain, Coroutines
from spindoctor.cpython.exceptions import Exceptions, RawException
from spindoctor.cpython.frames import Frames, FrameShape, RawFrame
from spindoctor.cpython.layout import (
    ASYNCIO_SIZE,
    SUPPORTED,
    Layout,
    add_asyncio,
    complete_layout,
    load_layout,
    refusal,
    split_version,
)
from spindoctor.cpython.memory import Memory
from spindoctor.cpython.modules import Modules
from spindoctor.cpython.objects import Objects
from spindoctor.cpython.reader import Reader
from spindoctor.cpython.snapshot import Snapshot
from spindoctor.cpython.stacks import RawStack, Stacks
from spindoctor.cpython.tasks import RawTask, Tasks
from spindoctor.cpython.threads import Gil, Runtime, ThreadState
from spindoctor.errors import DoctorError, Forbidden, Gone, Misread
from spindoctor.probe.elf import Elf, find_asyncio, find_runtime, read_mappings
from spindoctor.probe.identity import read_own_pid
from spindoctor.probe.memory import open_memory

PUBLISHED_SINCE = (3, 13)
ASYNCIO_PUBLISHED_SINCE = (3, 14)
MACHINES = {"x64": "x86_64-linux", "AArch64": "aarch64-linux"}
MAX_PATH_ENTRIES = 1024
MORE_TRIES = 2
"""Copies made anew of stacks that changed: most of them hold at the second, and each makes the look longer."""

__all__ = ["Chain", "Gil", "Interpreter", "RawFrame", "RawStack", "RawTask", "ThreadState"]


class Interpreter:
    """The main interpreter of one process. Make it with `attach`; not for use by more than one thread.

    Methods raise `Misread` for what cannot be read right now, and `Gone` once the process has ended.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what `attach` finds out
        self,
        pid: int,
        memory: Memory,
        layout: Layout,
        runtime: int,
        version: tuple[int, int, int],
        own_pid: int | None = None,
    ) -> None:
        self.pid = pid
        self._own_pid = read_own_pid(pid) if own_pid is None else own_pid
        self.memory = memory
        self._snapshot = Snapshot(memory)
        self.version = version
        self.runtime_address = runtime
        self._names: dict[tuple[int, int], tuple[str | None, int | None]] = {}
        self._natives: frozenset[int | None] = frozenset()
        self.generation = 0
        self._folder = ""
        self._own: tuple[str, ...] = ()
        self._assemble(layout)

    def _assemble(self, layout: Layout) -> None:
        """Make the decoders for a layout."""
        self.layout = layout
        self.reader = reader = Reader(self._snapshot, layout)
        self.objects = objects = Objects(reader)
        objects.codes.folder, objects.codes.own = self._folder, self._own
        self._runtime = Runtime(reader, self.runtime_address)
        self.collector = self._runtime.collector
        self._frames = Frames(reader, objects.classes, objects.codes)
        self._stacks = Stacks(reader, self._frames)
        self._modules = Modules(reader, self._runtime, objects.dicts, objects.texts, objects.attribute_reader)
        self._exceptions = Exceptions(reader, objects.classes, objects.texts, objects.codes, objects.holdings)
        self.coroutines = Coroutines(reader, objects.classes, objects.texts, objects.codes, self._frames)
        self._tasks = Tasks(
            reader,
            self._runtime,
            objects.classes,
            objects.texts,
            objects.numbers,
            objects.dicts,
            objects.holdings,
            self._modules,
            self.coroutines,
            self._own_pid,
        )
        self._awaiters = Awaiters(
            reader, objects.classes, objects.containers, objects.attribute_reader, objects.functions
        )

    @classmethod
    def attach(cls, pid: int) -> Interpreter:
        """Find the interpreter of a process and the layout of its memory.

        Raises:
            Gone: there is no such process.
            Forbidden: the kernel does not let us look; the hint is the command that helps.
            DoctorError: it runs no CPython that is known exactly: another version, a free-threaded or debug build.

        """
        mappings = read_mappings(pid)
        memory = open_memory(pid, next(iter(mappings.values())).start if mappings else 0)
        elf = find_runtime(pid, mappings, memory)
        if "_Py_NegativeRefcount" in elf.symbols:
            raise refusal(f"Process {pid} runs a debug build of CPython")
        try:
            return cls._attach(pid, memory, elf, " ".join([elf.path, *mappings]))
        except Misread as misread:
            raise refusal(f"The interpreter of process {pid} cannot be read: {misread}") from misread
        except (Gone, Forbidden):
            raise
        except DoctorError as error:
            raise DoctorError(f"Process {pid} was refused. {error.problem}", error.hint) from error

    @classmethod
    def _attach(cls, pid: int, memory: Memory, elf: Elf, paths: str) -> Interpreter:
        platform = MACHINES.get(elf.machine, elf.machine)
        runtime = elf.symbols.get("_PyRuntime") or elf.sections[".PyRuntime"][0]
        if "Py_Version" not in elf.symbols:
            return cls._attach_by_path(pid, memory, runtime, platform, paths)
        word = int.from_bytes(memory.read(elf.symbols["Py_Version"], 4), "little")
        version = split_version(word)
        layout = load_layout(version[:2], platform)
        if version[:2] >= PUBLISHED_SINCE:
            layout = complete_layout(layout, memory.read(runtime, layout.published_size), word)
        if version[:2] >= ASYNCIO_PUBLISHED_SINCE and ".AsyncioDebug" in elf.sections:
            layout = add_asyncio(layout, memory.read(elf.sections[".AsyncioDebug"][0], ASYNCIO_SIZE))
        return cls(pid, memory, layout, runtime, version)

    @classmethod
    def _attach_by_path(cls, pid: int, memory: Memory, runtime: int, platform: str, paths: str) -> Interpreter:
        """3.8 to 3.10 have no `Py_Version`: paths say which version to try, `sys.hexversion` whether it is the one."""
        named = [(3, int(minor)) for minor in re.findall(r"python3\.(\d+)", paths)]
        for version in dict.fromkeys([*named, *SUPPORTED]):
            if version not in SUPPORTED or version >= (3, 11):
                continue
            try:
                found = cls(pid, memory, load_layout(version, platform), runtime, (*version, 0))
                exact = found.hex_version()
            except Misread:
                continue
            if exact[:2] == version:
                found.version = exact
                return found
        raise refusal("The version of its CPython cannot be told")

    def hex_version(self) -> tuple[int, int, int]:
        """Return `sys.hexversion` as (major, minor, micro)."""
        address = self._modules.contents("sys").get("hexversion")
        if address is None:
            raise Misread("no sys.hexversion")
        return split_version(self.objects.numbers.integer(address))

    def flush(self) -> None:
        """Forget all that was kept by address; good to do every minute or so where code comes and goes."""
        self._snapshot.forget()
        self.objects.flush()
        self._stacks.flush()
        self._modules.flush()
        self._names.clear()

    def place_files(self, folder: str) -> None:
        """Take relative names of source files to lie in this folder."""
        self._folder = self.objects.codes.folder = folder

    def take_as_own(self, beginnings: tuple[str, ...]) -> None:
        """Take code in files whose names begin so to be the service's own, wherever it was installed."""
        self._own = self.objects.codes.own = beginnings
        self.objects.codes.flush()

    # looks

    def take(self) -> None:
        """Copy in one go what earlier looks read; until `drop` the copy answers all reads that it can.

        Ask what a thread has used before, never after: what it does between the copy and the question would be lost.
        """
        self._snapshot.take()

    def drop(self) -> None:
        """Read the memory itself again."""
        self._snapshot.drop()

    @contextmanager
    def by_pages(self) -> Iterator[None]:
        """Read by whole pages, each of them once for some hundred reads: for what follows many objects."""
        self._snapshot.hold()
        try:
            yield
        finally:
            self._snapshot.drop()

    def fetch(self, addresses: Sequence[int]) -> None:
        """Read in one go the pages on which these objects begin, where it is read by pages; else nothing."""
        self._snapshot.fetch(addresses)

    def gil(self) -> Gil:
        """Return who holds the GIL, and where it lies."""
        return self._runtime.gil()

    def is_collecting(self) -> bool:
        """Tell whether the cyclic garbage collector runs right now."""
        return self._runtime.is_collecting()

    def sub_interpreters(self) -> int:
        """Return how many interpreters there are beside the main one; their threads are not read."""
        return self._runtime.sub_interpreters()

    def threads(self) -> tuple[ThreadState, ...]:
        """Return all threads that can run Python code, the newest first.

        Names, and the native ids that versions before 3.11 do not keep themselves, come from `threading`. A name is
        kept until `flush` while the native ids say that the threads are the same: a new one may have the place and
        the pthread id of one that has ended.
        """
        states = self._runtime.threads()
        keys = {(state.address, state.pthread_id) for state in states}
        natives = frozenset(state.native_id for state in states)
        is_same = None not in natives and natives == self._natives
        self._natives = natives
        if not is_same or not keys <= self._names.keys():
            self._names = dict.fromkeys(keys, (None, None)) | self._read_names(keys)
        return tuple(self._with_name(state) for state in states)

    def _with_name(self, state: ThreadState) -> ThreadState:
        name, native = self._names[state.address, state.pthread_id]
        return replace(state, python_name=name, native_id=state.native_id or native)

    def _read_names(self, keys: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[str | None, int | None]]:
        """Return the name and the native id of each thread that `threading` knows, by state and pthread id."""
        try:
            active = self._modules.contents("threading").get("_active")
            pairs = self.objects.pairs(active) if active else ()
        except Misread:
            return {}
        addresses = {ident: address for address, ident in keys}
        found: dict[tuple[int, int], tuple[str | None, int | None]] = {}
        for key, thread in pairs:
            try:
                ident = self.objects.numbers.integer(key)
                if ident in addresses:
                    found[addresses[ident], ident] = self._describe_thread(thread)
            except Misread:
                continue
        return found

    def _describe_thread(self, thread: int) -> tuple[str | None, int | None]:
        attributes = self.objects.attributes(thread)
        name = self.objects.value(attributes["_name"]) if "_name" in attributes else None
        native = self.objects.value(attributes["_native_id"]) if "_native_id" in attributes else None
        return (name if isinstance(name, str) else None, native if isinstance(native, int) else None)

    # stacks and locals

    def stack(self, thread: int) -> RawStack:
        """Return the stack of the thread whose state lies at this address, innermost frame first."""
        self._follow_generation()
        return self._stacks.read(thread)

    def stacks(self, threads: Sequence[int]) -> dict[int, RawStack | Misread]:
        """Return the stacks of many threads from one copy; a `Misread` in the place of one that cannot be read.

        Those that changed while they were copied are copied again: a profile without them would leave out threads that
        run, and never those that sleep.
        """
        self._follow_generation()
        found = self._stacks.read_all(threads)
        for _ in range(MORE_TRIES):
            torn = [thread for thread, stack in found.items() if isinstance(stack, Misread)]
            if not torn:
                break
            self._snapshot.renew()
            found |= self._stacks.read_all(torn)
        return found

    def _follow_generation(self) -> None:
        """Forget code objects once some have died (3.14+): another may live at the same address."""
        generation = self._runtime.code_generation()
        if generation != self.generation:
            self.generation = generation
            self.objects.codes.flush()
            self._stacks.flush()

    def places(self) -> tuple[FrameShape, dict[str, int]]:
        """Return how frames lie in memory, and by name where that lies which every look asks for."""
        return self._frames.shape, self._runtime.places()

    def locals(self, frame: RawFrame) -> dict[str, int]:
        """Return name -> address of the value of each local variable bound now; `Misread` if the frame has moved on."""
        return self._frames.locals(frame)

    def some_locals(self, frame: RawFrame, names: tuple[str, ...]) -> dict[str, int]:
        """Return what `locals` returns for these names alone."""
        return self._frames.some_locals(frame, names)

    def operands(self, frame: RawFrame, most: int) -> tuple[int, ...]:
        """Return what lies on the evaluation stack of a frame; beyond its end, which is not known, anything may lie."""
        return self._frames.operands(frame, most)

    def handled_exception(self, thread: int) -> RawException | None:
        """Return the exception that the thread whose state lies at this address is handling; None if there is none."""
        address = self._exceptions.handled(thread)
        if not address:
            return None
        with self.by_pages():
            return self._exceptions.describe(address)

    def frame_at(self, address: int) -> RawFrame:
        """Return the frame that lies at an address."""
        return self._frames.at(address)

    def frames_of(self, frame_object: int) -> tuple[RawFrame, ...]:
        """Return the frame that a frame object stands for, and those that called it."""
        return tuple(self._frames.callers(frame_object))

    def coroutine_chain(self, address: int) -> Chain:
        """Return where a coroutine, generator or async generator stands and what it awaits in turn, outermost first."""
        return self.coroutines.chain(address)

    # modules, asyncio

    def module(self, name: str) -> int | None:
        """Return the address of an imported module, None if it is not imported."""
        return self._modules.find(name)

    def module_names(self) -> tuple[str, ...]:
        """Return the names of all imported modules."""
        return self._modules.names()

    def module_contents(self, name: str) -> dict[str, int]:
        """Return name -> address of what a module holds now, nothing if it is not imported."""
        return self._modules.contents(name)

    def sys_path(self) -> tuple[str, ...]:
        """Return `sys.path` of the target."""
        address = self._modules.contents("sys").get("path")
        items = self.objects.items(address) if address else ()
        return tuple(text for text in self.objects.texts.read_many(items[:MAX_PATH_ENTRIES]) if text is not None)

    def running_loops(self) -> dict[int, int]:
        """Return the address of a thread's state -> the event loop that runs in it."""
        self._learn_asyncio()
        return self._tasks.running_loops()

    def tasks(self) -> tuple[int, ...]:
        """Return the addresses of all tasks known to asyncio; up to 3.13 also of finished ones that something holds."""
        self._learn_asyncio()
        return self._tasks.all()

    def ended_tasks(self, addresses: Sequence[int]) -> frozenset[int]:
        """Return those of all tasks that have ended, in few calls."""
        return self._tasks.ended(addresses)

    def current_task(self, loop: int, thread: int) -> int | None:
        """Return the task that a loop runs now; `thread` is the state of the thread that runs the loop."""
        self._learn_asyncio()
        return self._tasks.current(loop, thread)

    def task(self, address: int) -> RawTask:
        """Return what a task says about itself."""
        self._learn_asyncio()
        return self._tasks.read(address)

    def is_task(self, address: int) -> bool:
        """Tell whether an object is a task."""
        return self._tasks.is_task(address)

    def awaited_by(self, address: int) -> tuple[int, ...]:
        """Return the tasks that wait for a task or future, also through gather, wait, wait_for, shield, TaskGroup."""
        self._learn_asyncio()
        return self._awaiters.of(address)

    def asyncgens(self, loop: int) -> tuple[int, ...] | None:
        """Return the living async generators of a loop; None where the loop keeps them out of sight (uvloop)."""
        registry = self.objects.attributes(loop).get("_asyncgens")
        return self.objects.items(registry) if registry else None

    def _learn_asyncio(self) -> None:
        """3.14+: learn where tasks lie once the module `_asyncio` has been loaded."""
        if self.version[:2] < ASYNCIO_PUBLISHED_SINCE or "task_object.coro" in self.layout:
            return
        elf = find_asyncio(self.pid, read_mappings(self.pid), self.memory)
        if elf is None or ".AsyncioDebug" not in elf.sections:
            return
        table = self.memory.read(elf.sections[".AsyncioDebug"][0], ASYNCIO_SIZE)
        self._assemble(add_asyncio(self.layout, table))
