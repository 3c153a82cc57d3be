"""Stacks of running threads, read in one go and without stopping them.

Frames of 3.11+ lie in the thread's data-stack chunks, those of generators and coroutines in their own objects; up to
3.10 each is an object of its own. So each thread has a plan of what to copy in one read: the words that say where the
stack begins, the chunks, and the lone frames seen last time. Frames that are not in the copy are read one by one and
join the plan.

The thread runs on while it is read. A generator that has just yielded has no caller; it gets the one it had last
(`is_spliced`), because leaving such stacks out would hide generators from a profile. A stack whose chain does not reach
the thread's first frame is not `is_complete`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spindoctor.cpython.frames import OWNED_BY_GENERATOR, Frames, RawFrame
from spindoctor.cpython.memory import Range
from spindoctor.cpython.reader import Reader, word_at
from spindoctor.errors import Misread, Unreadable

MAX_DEPTH = 4096
MAX_CHUNKS = 64  # 16 KB each: deep recursion
MAX_LONE = 96  # lone frames kept in a plan beyond those of the last stack
SLACK = 3072  # bytes copied beyond the top of the chunk: calls made between two looks
MAX_CHUNK = 1 << 18
MAX_CALLERS = 4096
CHUNKS_SINCE, CFRAME_SINCE, DIRECT_SINCE, ENTRY_FRAMES_SINCE = 11, 11, 13, 12
SHIM = "__init__"
"""The "file" of `_Py_InitCleanup` (Python/specialize.c, 3.13+): the interpreter's own frame between a call of a class
and its `__init__`, code that nobody wrote."""

BOTTOMS = frozenset({"<module>", "_bootstrap", "Thread._bootstrap"})


@dataclass(frozen=True, slots=True)
class RawStack:
    """Frames of one thread, innermost first.

    `is_complete`: the chain reached the thread's first frame; a stack of more than `MAX_DEPTH` frames is cut.
    `is_spliced`: a caller was taken from an earlier look.
    """

    frames: tuple[RawFrame, ...]
    is_complete: bool
    is_spliced: bool = False


IDLE = RawStack((), is_complete=True)
"""A thread that runs no Python code."""


@dataclass(slots=True)
class _Plan:
    """What to copy for one thread, and what the last copy gave."""

    ranges: list[Range]
    chunks: list[Range]
    pointer: int
    is_stale: bool = False
    blocks: list[bytes] = field(default_factory=list)
    stack: RawStack = IDLE


class Stacks:
    """Reads stacks of threads, keeping a plan for each; `flush` forgets the plans."""

    def __init__(self, reader: Reader, frames: Frames) -> None:
        layout = reader.layout
        self._reader = reader
        self._frames = frames
        self._parse = frames.shape.parse
        self._frame_size = frames.shape.size
        self._entry_owners = frames.shape.entry_owners
        self._minor = layout.minor
        self._has_chunks = layout.minor >= CHUNKS_SINCE
        self._has_pointer = CFRAME_SINCE <= layout.minor < DIRECT_SINCE
        self._top_name = layout[_top_name(layout.minor)]
        self._pointed = layout["cframe.current_frame"] if self._has_pointer else 0
        self._chunk = layout["thread_state.datastack_chunk"] if self._has_chunks else 0
        self._chunk_top = layout["thread_state.datastack_top"] if self._has_chunks else 0
        self._head = max(self._top_name, self._chunk, self._chunk_top) + 8
        self.flush()

    def flush(self) -> None:
        """Forget plans, callers and resolved frames."""
        self._plans: dict[int, _Plan] = {}
        self._callers: dict[int, int] = {}
        self._bottoms: dict[int, int] = {}
        self._resolved: dict[tuple[int, int, int], RawFrame] = {}

    def read(self, thread: int) -> RawStack:
        """Return the stack of the thread whose state lies at `thread`."""
        for _ in range(2):
            plan = self._plan(thread)
            try:
                return self._take(thread, plan, self._reader.read_many(plan.ranges))
            except Unreadable:
                self._plans.pop(thread, None)
        plan = self._plan(thread)
        return self._take(thread, plan, self._reader.read_many(plan.ranges))

    def read_all(self, threads: Sequence[int]) -> dict[int, RawStack | Misread]:
        """Return the stack of each thread from one copy of all; a `Misread` in its place where it cannot be read."""
        stacks: dict[int, RawStack | Misread] = {}
        try:
            plans = [(thread, self._plan(thread)) for thread in threads]
            blocks = iter(self._reader.read_many([r for _, plan in plans for r in plan.ranges]))
        except Misread:
            return {thread: self._read_or_misread(thread) for thread in threads}
        for thread, plan in plans:
            copied = [next(blocks) for _ in plan.ranges]
            try:
                stacks[thread] = self._take(thread, plan, copied)
            except Misread as misread:
                self._plans.pop(thread, None)
                stacks[thread] = misread
        return stacks

    def _read_or_misread(self, thread: int) -> RawStack | Misread:
        try:
            return self.read(thread)
        except Misread as misread:
            return misread

    def _plan(self, thread: int) -> _Plan:
        plan = self._plans.get(thread)
        if plan is None or plan.is_stale:
            lone = plan.ranges[len(plan.chunks) + 1 + self._has_pointer :] if plan else []
            plan = self._plans[thread] = self._make_plan(thread, lone)
        return plan

    def _make_plan(self, thread: int, lone: list[Range]) -> _Plan:
        head = self._reader.read(thread, self._head)
        chunks = list(self._chunks(head)) if self._has_chunks else []
        pointer = word_at(head, self._top_name)[0] + self._pointed if self._has_pointer else 0
        first: list[Range] = [(thread, self._head)]
        if self._has_pointer:
            first.append((pointer if pointer > self._pointed else thread, 8))
        return _Plan([*first, *chunks, *lone], chunks, pointer)

    def _chunks(self, head: bytes) -> Iterator[Range]:
        """Yield what to copy of each data-stack chunk, the newest first and only up to its top."""
        layout = self._reader.layout
        chunk, top = word_at(head, self._chunk)[0], word_at(head, self._chunk_top)[0]
        seen = set[int]()
        while chunk and chunk not in seen and len(seen) < MAX_CHUNKS:
            seen.add(chunk)
            words = self._reader.words(chunk, 2)
            size, previous = words[layout["stack_chunk.size"] // 8], words[layout["stack_chunk.previous"] // 8]
            used = top + SLACK - chunk if chunk < top <= chunk + size else size
            yield chunk, min(used, size, MAX_CHUNK)
            chunk = previous

    def _take(self, thread: int, plan: _Plan, blocks: list[bytes]) -> RawStack:
        """Return the stack from what was copied; the very same object if nothing has changed since."""
        if blocks == plan.blocks:
            return plan.stack
        top = self._top(plan, blocks)
        if self._has_chunks and word_at(blocks[0], self._chunk)[0] != (plan.chunks[0][0] if plan.chunks else 0):
            plan.is_stale = True
        ranges = plan.ranges
        plan.stack = self._walk(thread, plan, blocks, top)
        # a frame that was read apart is not in the blocks: only a copy that held all can show that nothing changed
        plan.blocks = blocks if plan.ranges is ranges and not plan.is_stale else []
        return plan.stack

    def _top(self, plan: _Plan, blocks: list[bytes]) -> int:
        """Return the address of the innermost frame, 0 if there is none."""
        top: int = word_at(blocks[0], self._top_name)[0]
        if not self._has_pointer:
            return top
        if top + self._pointed == plan.pointer:
            pointed: int = word_at(blocks[1])[0] if top else 0
            return pointed
        plan.is_stale = True
        return self._reader.word(top + self._pointed) if top else 0

    def _walk(self, thread: int, plan: _Plan, blocks: list[bytes], frame: int) -> RawStack:
        first = 1 + self._has_pointer
        count = len(plan.chunks)
        chunks = list(zip(plan.chunks, blocks[first : first + count], strict=True))
        lone = {r[0]: b for r, b in zip(plan.ranges[first + count :], blocks[first + count :], strict=True)}
        (start, length), chunk = chunks[0] if chunks else ((0, 0), b"")
        end = start + length - self._frame_size
        frames: list[RawFrame] = []
        used: list[int] = []
        is_spliced, owner, bottom = False, 0, frame
        while frame:
            if len(used) + len(frames) > MAX_DEPTH:
                _require_no_circle(thread, frames)
                break
            if start <= frame <= end:
                words = self._parse(chunk, frame - start)
            else:
                words = self._elsewhere(frame, chunks, lone, used)
            owner = words[3]
            if owner not in self._entry_owners and (raw := self._resolve(frame, words)).frame.file != SHIM:
                frames.append(raw)
            previous = words[1]
            if owner == OWNED_BY_GENERATOR:
                previous, is_spliced = self._caller(frame, previous, is_spliced=is_spliced)
            bottom, frame = frame, previous
        self._remember(plan, lone, used)
        is_whole = not frame and self._is_complete(thread, frames, owner, bottom)
        return RawStack(tuple(frames), is_whole, is_spliced)

    def _elsewhere(
        self, frame: int, chunks: list[tuple[Range, bytes]], lone: dict[int, bytes], used: list[int]
    ) -> tuple[int, int, int, int]:
        """Return the words of a frame that is not in the newest chunk."""
        used.append(frame)
        block = lone.get(frame)
        if block is not None:
            return self._parse(block, 0)
        for (start, length), chunk in chunks[1:]:
            if start <= frame <= start + length - self._frame_size:
                used.pop()
                return self._parse(chunk, frame - start)
        lone[frame] = block = self._reader.read(frame, self._frame_size)
        return self._parse(block, 0)

    def _resolve(self, frame: int, words: tuple[int, int, int, int]) -> RawFrame:
        key = (frame, words[0], words[2])
        found = self._resolved.get(key)
        if found is None:
            if len(self._resolved) > 1 << 14:
                self._resolved.clear()
            found = self._resolved[key] = self._frames.resolve(frame, words)
        return found

    def _caller(self, frame: int, previous: int, *, is_spliced: bool) -> tuple[int, bool]:
        """Return the caller of a generator's frame: the one it had last if it has none now."""
        if previous:
            if len(self._callers) > MAX_CALLERS:
                self._callers.clear()
            self._callers[frame] = previous
            return previous, is_spliced
        last = self._callers.get(frame, 0)
        return last, is_spliced or bool(last)

    def _remember(self, plan: _Plan, lone: dict[int, bytes], used: list[int]) -> None:
        """Make the next copy take along the lone frames of this stack, and some of those seen before."""
        known = {start for start, _ in plan.ranges}
        if all(frame in known for frame in used) and len(lone) <= len(used) + MAX_LONE:
            return
        others = [frame for frame in lone if frame not in used][-MAX_LONE:] if len(lone) <= 2 * MAX_LONE else []
        kept = plan.ranges[: 1 + self._has_pointer + len(plan.chunks)]
        plan.ranges = [*kept, *((frame, self._frame_size) for frame in [*others, *used])]

    def _is_complete(self, thread: int, frames: list[RawFrame], owner: int, bottom: int) -> bool:
        """Tell whether the chain ended where the thread's Python code began."""
        if not frames:
            return True
        if self._minor >= ENTRY_FRAMES_SINCE:
            return owner in self._entry_owners
        if owner == OWNED_BY_GENERATOR:
            return False
        is_known = frames[-1].frame.function in BOTTOMS or self._bottoms.get(thread) == bottom
        self._bottoms[thread] = bottom
        return is_known


def _require_no_circle(thread: int, frames: Sequence[RawFrame]) -> None:
    """Tell deep recursion from callers that were torn into a circle."""
    if len({raw.address for raw in frames}) < len(frames):
        raise Misread(f"a stack of thread {thread:#x} without end")


def _top_name(minor: int) -> str:
    """Return the member of the thread state that leads to the innermost frame."""
    if minor >= DIRECT_SINCE:
        return "thread_state.current_frame"
    return "thread_state.cframe" if minor >= CFRAME_SINCE else "thread_state.frame"
