"""Which connection a thread or task waits at, and which client's connection it works for.

A thread asleep in a system call names the descriptor itself. A task awaits a future, and the methods on its await chain
belong to the objects that read the connection: from them a few attributes lead to the transport and its descriptor.
Names of attributes guide the way (`_transport`, `reader`, `sock`), so that no other connection that happens to be
reachable is taken for it; the kernel then says whether that connection has been asked and has not answered.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.conversations import Conversation
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.sample import EPOLL_WAITS, SystemCall, ThreadLook
from spindoctor.probe.descriptors import parse_epoll
from spindoctor.probe.futures import FutureReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.proc import try_text

LEADS = re.compile(r"transport|sock|stream|reader|writer|conn(?!ector)|proto|channel|wire|wrapped|(^|_)raw$|(^|_)fp$")
"""Words in the names of what leads to a connection, in any library."""

CLIENTS = re.compile(LEADS.pattern + r"|client|request")
"""In the outermost frames also these: servers call the other end so."""

NUMBERS = ("_sock_fd", "_fd", "_fileno", "fd")
SOCKET = "_socket.socket"
SOCKET_AT = 16
"""`sock_fd`, the first member behind the head (Modules/socketmodule.h, `PySocketSockObject`)."""

HANDLE_AT, STREAM_AT = 24, 184
"""`UVHandle._handle` behind the head and Cython's table, and `uv_stream_t.io_watcher.fd` (libuv `include/uv/unix.h`);
a wrong place gives no open socket, or one that has answered."""

UV_TRANSPORTS = frozenset({"uvloop.loop.TCPTransport", "uvloop.loop.UnixTransport"})
SELF = ("self",)
MOST_STEPS = 4
"""A stream's transport through TLS: reader, transport, its protocol, the transport beneath."""

MOST_OBJECTS = 24
INNER_FRAMES = 12
OUTER_FRAMES = 5
MOST_S = 0.04
"""Time for those not asked yet, of the fifth of a second between two looks; an answer is kept while nobody moves."""

BY_NUMBER = frozenset({
    "read", "readv", "recvfrom", "recvmsg", "recvmmsg", "write", "writev", "sendto", "sendmsg", "connect",
})  # fmt: skip
POLLS = frozenset({"poll", "ppoll"})
POLLFD = struct.Struct("<ihh")
SMALLEST_ADDRESS = 4096


@dataclass(frozen=True, slots=True)
class Still:
    """A thread asleep in a system call; its stack innermost first. `look` is another one once it has run."""

    tid: int
    frames: tuple[RawFrame, ...]
    call: SystemCall
    look: ThreadLook


class ConversationReader:
    """Reads connections of one process; what does not move is asked once."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool]) -> None:
        """Look through this interpreter; `is_user` tells the user's own code."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._futures = FutureReader(interpreter)
        self._is_user = is_user
        self._known: dict[int, tuple[object, Conversation]] = {}
        """By kernel id of the thread, or by the task's address, which is larger than any kernel id; with its look or
        frames: a pool's thread stands at its next piece of work just as it did at this one."""

    def look(
        self, threads: Iterable[Still], chains: Mapping[int, tuple[RawFrame, ...]], waiters: Mapping[int, int]
    ) -> tuple[Conversation, ...]:
        """What threads and tasks wait at. `chains` are those of the tasks, `waiters` the futures that tasks await."""
        end_s = time.monotonic() + MOST_S
        known, self._known = self._known, {}
        awaiting = {future: task for task, future in waiters.items()}
        for still in threads:
            before = known.get(still.tid)
            if before and before[0] is still.look:
                self._known[still.tid] = before
            elif time.monotonic() < end_s:
                self._known[still.tid] = still.look, self._of_thread(still, awaiting)
        for task, frames in chains.items():
            before = known.get(task)
            if before and before[0] is frames:
                self._known[task] = before
            elif frames and time.monotonic() < end_s:
                self._known[task] = frames, self._of_task(Party(task=task), frames)
        return tuple(
            one for _, one in self._known.values() if one.waits_at is not None or one.serves is not None or one.for_task
        )

    def _of_thread(self, one: Still, awaiting: Mapping[int, int]) -> Conversation:
        at = self.descriptor_of_call(one.call)
        if at is None and not any(map(self._is_user, (raw.frame for raw in one.frames))):
            return Conversation(Party(tid=one.tid), for_task=self._task_behind(one.frames, awaiting))
        return Conversation(
            party=Party(tid=one.tid),
            waits_at=at,
            serves=self._served(one.frames),
            for_task=self._task_behind(one.frames, awaiting),
            is_encrypted=any("ssl" in raw.frame.file for raw in one.frames[:INNER_FRAMES]),
        )

    def _of_task(self, party: Party, frames: tuple[RawFrame, ...]) -> Conversation:
        kinds: list[str] = []
        at = self._awaited(frames, kinds)
        return Conversation(party, at, self._served(frames), is_encrypted=any("ssl" in kind.lower() for kind in kinds))

    def descriptor_of_call(self, call: SystemCall) -> int | None:
        """The descriptor that a thread waits at in a system call; None where there are several, or none.

        An epoll made for one wait, as by a library that knows of no loop, watches a single descriptor.
        """
        if call.name in BY_NUMBER and call.arguments:
            return call.arguments[0] & 0xFFFFFFFF
        if call.name in POLLS and len(call.arguments) > 1 and call.arguments[1] == 1:
            try:
                return int(POLLFD.unpack(self._interpreter.reader.read(call.arguments[0], POLLFD.size))[0])
            except Misread:
                return None
        if call.name in EPOLL_WAITS and call.arguments:
            entries = parse_epoll(try_text(f"/proc/{self._interpreter.pid}/fdinfo/{call.arguments[0]}"))
            return entries[0].fd if len(entries) == 1 else None
        return None

    def _awaited(self, frames: Sequence[RawFrame], kinds: list[str]) -> int | None:
        """The connection that the objects lead to whose methods are awaited, innermost first, as far as the user's."""
        asked: int | None = None
        for number, raw in enumerate(frames[:INNER_FRAMES]):
            is_mine = self._is_user(raw.frame)
            if is_mine and number:
                return None
            found = self._from_locals(raw, LEADS, kinds, asked)
            asked = self._self(raw)
            if found is not None or is_mine:
                return found
        return None

    def _served(self, frames: Sequence[RawFrame]) -> int | None:
        outer = tuple(reversed(frames[-OUTER_FRAMES:]))
        named = (self._from_locals(raw, CLIENTS, []) for raw in outer)
        found = next((one for one in named if one is not None), None)
        typed = (self._follow(self._typed(raw), CLIENTS, []) for raw in outer) if found is None else ()
        return next((one for one in typed if one is not None), found)

    def _typed(self, raw: RawFrame) -> list[int]:
        """The variables of a frame whose types are called like connections: `r` and `w` may be reader and writer."""
        try:
            variables = self._interpreter.locals(raw)
        except Misread:
            return []
        return [one for one in list(variables.values())[:MOST_OBJECTS] if LEADS.search(self._type_name(one))]

    def _type_name(self, address: int) -> str:
        try:
            return self._objects.type_name(address).rpartition(".")[2].lower()
        except Misread:
            return ""

    def _self(self, raw: RawFrame) -> int | None:
        """The object whose method this is; None for a function, and where it cannot be read."""
        try:
            return self._interpreter.some_locals(raw, SELF).get(SELF[0])
        except Misread:
            return None

    def _from_locals(
        self, raw: RawFrame, words: re.Pattern[str], kinds: list[str], asked: int | None = None
    ) -> int | None:
        """The descriptor that a frame's variables lead to.

        `asked` is the object whose method it awaits: a variable that does not lead there may be left from before.
        """
        try:
            variables = self._interpreter.locals(raw)
        except Misread:
            return None
        mine = [address for name, address in variables.items() if name == SELF[0]]
        named = [address for name, address in variables.items() if name != SELF[0] and words.search(name)]
        starts = [*mine, *(one for one in named if asked is None or self._leads_to(one, asked, words))]
        return self._follow(starts, words, kinds)

    def _leads_to(self, start: int, wanted: int, words: re.Pattern[str]) -> bool:
        """Whether an object is another one, or leads to it in some steps."""
        seen: set[int] = set()
        level = {start}
        for _ in range(MOST_STEPS + 1):
            if wanted in level:
                return True
            seen |= level
            level = {one for address in level for one in self._known_leads(address, words)} - seen
            if len(seen) >= MOST_OBJECTS:
                break
        return False

    def _known_leads(self, address: int, words: re.Pattern[str]) -> list[int]:
        try:
            return list(self._leads(address, words))
        except (Misread, struct.error):
            return []

    def _follow(self, starts: Sequence[int], words: re.Pattern[str], kinds: list[str]) -> int | None:
        """The descriptor of the nearest connection, step by step."""
        seen: set[int] = set()
        level = list(starts)
        for _ in range(MOST_STEPS + 1):
            following: list[int] = []
            for address in level:
                if address in seen or len(seen) >= MOST_OBJECTS:
                    continue
                seen.add(address)
                try:
                    found = self._descriptor(address, kinds)
                    if found is not None:
                        return found
                    following.extend(self._leads(address, words))
                except (Misread, struct.error):
                    continue
            level = following
        return None

    def _leads(self, address: int, words: re.Pattern[str]) -> Iterator[int]:
        attributes = self._objects.attributes(address)
        yield from (value for name, value in attributes.items() if words.search(name))

    def _descriptor(self, address: int, kinds: list[str]) -> int | None:
        kind = self._objects.type_name(address)
        kinds.append(kind)
        if kind in UV_TRANSPORTS:
            handle = self._interpreter.reader.word(address + HANDLE_AT)
            return _number(self._interpreter.reader.int32(handle + STREAM_AT)) if handle > SMALLEST_ADDRESS else None
        if SOCKET in self._objects.type_names(address):
            return _number(self._interpreter.reader.int32(address + SOCKET_AT))
        attributes = self._objects.attributes(address)
        for name in NUMBERS:
            if name in attributes:
                value = self._objects.value(attributes[name], depth=0)
                return _number(value) if isinstance(value, int) else None
        return None

    def _task_behind(self, frames: Sequence[RawFrame], awaiting: Mapping[int, int]) -> int | None:
        """The task that awaits what a thread of a pool does: by a future among the variables it was begun with."""
        for raw in reversed(frames[-OUTER_FRAMES:]):
            try:
                variables = self._interpreter.locals(raw)
                future = self._futures.worked_on(variables)
            except Misread:
                continue
            chained = self._futures.tasks_awaiting(future) if future else ()
            found = next((awaiting[value] for value in variables.values() if value in awaiting), None)
            task = found or next(iter(chained), None)
            if task:
                return task
        return None


def _number(value: int) -> int | None:
    return value if value >= 0 else None
