"""Stacks of running threads, read in one go and without stopping them.

Frames of 3.11+ lie in the thread's data-stack chunks, those of generators and coroutines in their own objects; up to
3.10 each is an object of its own. So each thread has a plan of what to copy in one read: the words that say where the
stack begins, the chunks, and the lone frames seen last time. Frames that are not in the copy are read one by one and
join the plan.

The thread runs on while it is read. A generator that has just yielded has no caller; it gets the one it had last
(`is_spliced`), because leaving such stacks out would hide generators from a profile. It gets it only while that
function is still found in that frame: by then another may run there, which never called it.

Frames that were read apart belong to a later moment than the copy: the thread may have gone on, and another call may
have their memory. So a stack that needed some is copied again, now with them. What the first copy held stays as it was:
the stack of a later moment in its place would be one that is easier to read. It goes on as the second copy has it where
that shows its last function in the same frame; else it ends there. A stack whose chain does not reach the thread's
first frame is not `is_complete`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spindoctor.cpython.callers import Callers
from spindoctor.cpython.codes import SHIM
from spindoctor.cpython.copies import Copy
from spindoctor.cpython.frames import OWNED_BY_GENERATOR, TAG_MASK, Frames, RawFrame
from spindoctor.cpython.memory import Range
from spindoctor.cpython.reader import Reader, word_at
from spindoctor.errors import Misread, Unreadable

MAX_DEPTH = 4096
CIRCLE_SOUGHT_AT = frozenset(
    {64, 512, MAX_DEPTH + 2}
)  # a look in three ran in one on 3.8: the rarer, the longer it ran
MAX_CHUNKS = 64  # 16 KB each: deep recursion
MAX_LONE = 96  # lone frames kept in a plan beyond those of the last stack
SLACK = 3072  # bytes copied beyond the top of the chunk: calls made between two looks
MAX_CHUNK = 1 << 18
MAX_COPIES = 3  # of one stack: one finds where the frames lie by now, one misses new ones, one has them all
MAX_POINTERS = 8  # depths of calls into C, between which a thread changes all the time
MAX_ENTRIES = 3  # between a function and what it calls through C lies one; two where C code calls C code that calls it
CHUNKS_SINCE, CFRAME_SINCE, DIRECT_SINCE, ENTRY_FRAMES_SINCE = 11, 11, 13, 12

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
    """What to copy for one thread, and what the last copy gave.

    `pointers` are where the address of the innermost frame was found (3.11, 3.12), the last first. `torn_at` is the
    place of the first frame that was not in the copy; None where all were.
    """

    ranges: list[Range]
    chunks: list[Range]
    pointers: list[int]
    is_stale: bool = False
    torn_at: int | None = None
    blocks: list[bytes] = field(default_factory=list)
    stack: RawStack = IDLE

    @property
    def before_lone(self) -> int:
        """How many ranges there are before those of the lone frames."""
        return 1 + len(self.pointers) + len(self.chunks)


class Stacks:
    """Reads stacks of threads, keeping a plan for each; `flush` forgets the plans."""

    def __init__(self, reader: Reader, frames: Frames) -> None:
        layout = reader.layout
        self._reader = reader
        self._frames = frames
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
        self._callers = Callers()
        self._bottoms: dict[int, int] = {}
        self._resolved: dict[tuple[int, int, int], RawFrame] = {}

    def read(self, thread: int) -> RawStack:
        """Return the stack of the thread whose state lies at `thread`."""
        found = self.read_all([thread])[thread]
        if isinstance(found, Misread):
            raise found
        return found

    def read_all(self, threads: Sequence[int]) -> dict[int, RawStack | Misread]:
        """Return the stack of each thread from one copy of all; a `Misread` in its place where it cannot be read."""
        stacks: dict[int, RawStack | Misread] = {}
        torn: dict[int, tuple[RawStack, int]] = {}
        for _ in range(MAX_COPIES):
            again = []
            for thread, found in self._copy(threads).items():
                stacks[thread] = self._judge(thread, found, torn)
                if thread in torn or (thread in self._plans and self._plans[thread].is_stale):
                    again.append(thread)
            if not again:
                break
            threads = again
        return stacks | {thread: _cut(*one) for thread, one in torn.items()}

    def _judge(
        self, thread: int, found: RawStack | Misread, torn: dict[int, tuple[RawStack, int]]
    ) -> RawStack | Misread:
        """Return the stack; where its frames are not of one copy, put it among the torn, to be copied again."""
        if thread in torn:
            first, place = torn.pop(thread)
            return _joined(first, place, self._sure(thread, found))
        plan = self._plans.get(thread)
        if plan and plan.torn_at is not None and not plan.is_stale and isinstance(found, RawStack):
            torn[thread] = found, plan.torn_at
        return found

    def _sure(self, thread: int, found: RawStack | Misread) -> RawStack:
        """Return of a stack what its copy held."""
        plan = self._plans.get(thread)
        if plan is None or plan.is_stale or isinstance(found, Misread):
            return RawStack((), is_complete=False)
        return found if plan.torn_at is None else RawStack(found.frames[: plan.torn_at], is_complete=False)

    def _copy(self, threads: Sequence[int]) -> dict[int, RawStack | Misread]:
        stacks: dict[int, RawStack | Misread] = {}
        try:
            plans = [(thread, self._plan(thread)) for thread in threads]
            blocks = iter(self._reader.read_many([r for _, plan in plans for r in plan.ranges]))
        except Misread:
            return {thread: self._copy_one(thread) for thread in threads}
        for thread, plan in plans:
            copied = [next(blocks) for _ in plan.ranges]
            try:
                stacks[thread] = self._take(thread, plan, copied)
            except Misread as misread:
                plan.is_stale = True
                stacks[thread] = misread
        return stacks

    def _copy_one(self, thread: int) -> RawStack | Misread:
        """Return the stack of one thread, of which something has gone from memory since it was planned to be copied."""
        failed = Misread("")
        for _ in range(MAX_COPIES):
            try:
                plan = self._plan(thread)
                return self._take(thread, plan, self._reader.read_many(plan.ranges))
            except Misread as misread:
                self._plans.pop(thread, None)
                failed = misread
            if not isinstance(failed, Unreadable):
                break
        return failed

    def _plan(self, thread: int) -> _Plan:
        plan = self._plans.get(thread)
        if plan is None or plan.is_stale:
            plan = self._plans[thread] = self._make_plan(thread, plan)
        return plan

    def _make_plan(self, thread: int, last: _Plan | None) -> _Plan:
        head = self._reader.read(thread, self._head)
        chunks = list(self._chunks(head)) if self._has_chunks else []
        lone = last.ranges[last.before_lone :] if last else []
        pointers = self._pointers(head, last.pointers if last else []) if self._has_pointer else []
        return _Plan([(thread, self._head), *((one, 8) for one in pointers), *chunks, *lone], chunks, pointers)

    def _pointers(self, head: bytes, known: list[int]) -> list[int]:
        """Return where the address of the innermost frame lies now, and where it lay before."""
        pointer = word_at(head, self._top_name)[0] + self._pointed
        if pointer == self._pointed:
            return known
        return [pointer, *(one for one in known if one != pointer)][:MAX_POINTERS]

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
        copy = self._copied(plan, blocks)
        plan.stack = self._walk(thread, plan, copy, top)
        self._remember(plan, copy)
        # a frame that was read apart is not in the blocks: only a copy that held all can show that nothing changed
        plan.blocks = blocks if plan.torn_at is None and not plan.is_stale else []
        return plan.stack

    def _top(self, plan: _Plan, blocks: list[bytes]) -> int:
        """Return the address of the innermost frame, 0 if there is none."""
        top: int = word_at(blocks[0], self._top_name)[0]
        if not self._has_pointer or not top:
            return top
        pointer = top + self._pointed
        if pointer in plan.pointers:
            pointed: int = word_at(blocks[1 + plan.pointers.index(pointer)])[0]
            return pointed
        plan.is_stale = True
        return self._reader.word(pointer)

    def _copied(self, plan: _Plan, blocks: list[bytes]) -> Copy:
        first, end = 1 + len(plan.pointers), plan.before_lone
        chunks = list(zip(plan.chunks, blocks[first:end], strict=True))
        lone = {r[0]: b for r, b in zip(plan.ranges[end:], blocks[end:], strict=True)}
        return Copy(self._reader, self._frames.shape, chunks, lone)

    def _walk(self, thread: int, plan: _Plan, copy: Copy, frame: int) -> RawStack:
        frames: list[RawFrame] = []
        links: list[tuple[int, int]] = []
        is_spliced, owner, bottom, steps, plan.torn_at = False, 0, frame, 0, None
        while frame:
            steps += 1
            if steps in CIRCLE_SOUGHT_AT:
                _require_no_circle(thread, frames)
            if steps > MAX_DEPTH + 1:
                break
            words = copy.words(frame)
            if copy.is_torn and plan.torn_at is None:
                plan.torn_at = len(frames)
            if words is None:
                break
            owner = words[3]
            if owner not in self._entry_owners and not self._add(frames, frame, words):
                plan.torn_at = len(frames) if plan.torn_at is None else plan.torn_at
                break
            previous = words[1]
            if owner == OWNED_BY_GENERATOR and frames:
                if previous:
                    links.append((len(frames), previous))
                else:
                    previous = self._last_caller(frames[-1], copy)
                    is_spliced = is_spliced or bool(previous)
            bottom, frame = frame, previous
        if plan.torn_at is None and not plan.is_stale:
            self._callers.note(frames, links)
        is_whole = not frame and self._is_complete(thread, frames, owner, bottom)
        return RawStack(tuple(frames), is_whole, is_spliced)

    def _add(self, frames: list[RawFrame], frame: int, words: tuple[int, int, int, int]) -> bool:
        """Add a frame; False where there is none by now. Without an innermost one there is no stack: `Misread`."""
        try:
            raw = self._resolve(frame, words)
        except Misread:
            if not frames:
                raise
            return False
        if raw.frame.file != SHIM:
            frames.append(raw)
        return True

    def _last_caller(self, called: RawFrame, copy: Copy) -> int:
        """Return the frame that called a generator last; 0 if none is known or another function runs in it by now."""
        address, code = self._callers.last(called)
        frame = address
        for _ in range(MAX_ENTRIES):
            words = copy.words(frame) if frame else None
            if words is None:
                break
            if words[3] not in self._entry_owners:
                return address if words[0] & ~TAG_MASK == code else 0
            frame = words[1]
        return 0

    def _resolve(self, frame: int, words: tuple[int, int, int, int]) -> RawFrame:
        key = (frame, words[0], words[2])
        found = self._resolved.get(key)
        if found is None:
            if len(self._resolved) > 1 << 14:
                self._resolved.clear()
            found = self._resolved[key] = self._frames.resolve(frame, words)
        return found

    def _remember(self, plan: _Plan, copy: Copy) -> None:
        """Make the next copy take along the lone frames of this stack, and some of those seen before."""
        lone, used = copy.lone, copy.used
        known = {start for start, _ in plan.ranges}
        if all(frame in known for frame in used) and len(lone) <= len(used) + MAX_LONE:
            return
        others = [frame for frame in lone if frame not in used][-MAX_LONE:] if len(lone) <= 2 * MAX_LONE else []
        kept = plan.ranges[: plan.before_lone]
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


def _joined(first: RawStack, place: int, second: RawStack) -> RawStack:
    """Return a stack whose copy held the frames up to a place, with the rest as a later copy has it.

    The last of them must run the same function there, in the same frame; else the thread has gone on: the stack ends.
    """
    if not first.frames:
        return second
    joint = max(place - 1, 0)
    last = first.frames[joint]
    for there, raw in enumerate(second.frames):
        if (raw.address, raw.code) == (last.address, last.code):
            return RawStack(first.frames[:joint] + second.frames[there:], second.is_complete, second.is_spliced)
    return _cut(first, place)


def _cut(stack: RawStack, place: int) -> RawStack:
    """Return a stack without what may not belong to it; of its innermost frame the address at least was right."""
    return RawStack(stack.frames[: place or 1], is_complete=False)


def _require_no_circle(thread: int, frames: Sequence[RawFrame]) -> None:
    """Tell deep recursion from callers that were torn into a circle."""
    if len({raw.address for raw in frames}) < len(frames):
        raise Misread(f"a stack of thread {thread:#x} without end")


def _top_name(minor: int) -> str:
    """Return the member of the thread state that leads to the innermost frame."""
    if minor >= DIRECT_SINCE:
        return "thread_state.current_frame"
    return "thread_state.cframe" if minor >= CFRAME_SINCE else "thread_state.frame"
