"""A dump for a person at a terminal: threads with their stacks and true state, then the tasks by who awaits whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spindoctor.model.counting import count
from spindoctor.model.dump import Dump, Named, ProcessDump, Tasks, ThreadDump, Threads
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import SHIM, is_user
from spindoctor.model.profile import ON_CPU, State
from spindoctor.model.recording import SourceWindow
from spindoctor.report.page import Page
from spindoctor.report.phrases import command_words
from spindoctor.report.sources import CHANGED, INSTALLED
from spindoctor.report.words import bounded, cores, moment, seconds, sentence

MOST_NAMES = 6
"""Names of folded threads or tasks."""

MOST_PLACES = 3
"""What folded threads wait on, where it differs."""

SHORT_RUN = 3
"""Frames of libraries in a row that are shown whole; of a longer row its two ends."""

STYLES: dict[State, str] = {"python": "bold yellow", "native": "bold yellow", "gil": "bold magenta", "ready": "magenta"}

Lines = dict[tuple[str, int], tuple[str, bool]]
"""Source text by file and line, with whether the file was changed after the process started."""


def render(  # noqa: PLR0913 - each says what is shown
    dump: Dump,
    *,
    width: int = 80,
    color: bool = False,
    with_threads: bool = True,
    with_tasks: bool = True,
    is_full: bool = False,
) -> str:
    """The dump as text for `width` columns. With `is_full` no frame of a library is left out."""
    page = Page(width, color=color)
    for process in dump.processes:
        view = _View(page, process, is_full=is_full)
        view.head(dump)
        if with_threads:
            view.threads()
        if with_tasks:
            view.tasks()
    _show_end(page, dump)
    return page.text


def _show_end(page: Page, dump: Dump) -> None:
    page.blank()
    if dump.others:
        page.say(f"also in this service: pid {', '.join(map(str, dump.others))} (--family shows all)", hang=2)
    for note in dump.notes:
        page.say(f"note: {sentence(note)}", hang=2)
    began = f" from {moment(dump.started_at)}" if dump.started_at else ""
    ended = ", interrupted" if dump.is_interrupted else ""
    looked = f"{count(dump.looks, 'look')} in {seconds(dump.seconds)}{began}, {dump.missed:,} missed{ended}"
    page.say(f"{looked}; what stands above is their end", style="dim", hang=2)
    page.say("nothing written to the target, never stopped", style="dim")


class _View:
    def __init__(self, page: Page, process: ProcessDump, *, is_full: bool) -> None:
        self._page = page
        self._process = process
        self._is_full = is_full
        self._lines = _source_lines(process.sources)

    def head(self, dump: Dump) -> None:
        one = self._process.process
        threads = sum(len(group.members) for group in self._process.threads)
        role = f", {sentence(one.role)}" if len(dump.processes) > 1 or dump.others else ""
        python = f", Python {one.python}" if one.python else ""
        self._page.blank()
        self._page.say(f"pid {one.pid} ({command_words(one.command)}){python}{role}", style="bold")
        counts = f"{count(threads, 'thread')}, {count(self._process.task_count, 'task')}"
        self._page.say(f"{cores(self._process.cores)}, {counts}", indent=2)

    def threads(self) -> None:
        self._page.heading("Threads, the innermost call first")
        if not self._process.threads:
            self._page.say("No look at the threads succeeded.", indent=2)
        for group in self._process.threads:
            self._thread(group)

    def _thread(self, group: Threads) -> None:
        first = group.members[0]
        self._page.blank()
        doing = f"{_who(group)}: {sentence(first.doing)}{_waits_on(group)}"
        self._page.say(doing, style=STYLES.get(first.state, "bold"), hang=2)
        self._page.say("; ".join(_facts(group)), indent=2, hang=2)
        if not first.stack:
            words = "no Python code in this thread" if first.is_complete else "its stack changed whenever it was read"
            self._page.say(words, style="dim", indent=4)
        self._frames(first.stack, first.locals, indent=4)
        if first.stack and not first.is_complete:
            self._page.say("... the rest of this stack could not be read", style="dim", indent=4)

    def tasks(self) -> None:
        self._page.heading("Tasks, each below what awaits it, the outermost call first")
        if self._process.missing:
            self._page.say(f"Not known: {sentence(self._process.missing)}", indent=2)
        elif not self._process.tasks:
            self._page.say("None.", indent=2)
        told = sum(map(_size, self._process.tasks))
        for tree in self._process.tasks:
            self._page.blank()
            self._tree(tree, 0)
        if told < self._process.task_count:
            left = self._process.task_count - told
            words = f"and {count(left, 'more task', 'more tasks')}, not read: ended meanwhile, or there are too many"
            self._page.say(words, style="dim", indent=2)

    def _tree(self, tree: Tasks, depth: int) -> None:
        indent = 2 * depth
        first = tree.members[0]
        route = f"  [{sentence(str(first.route))}]" if first.route else ""
        mark = "+ " if depth else ""
        self._page.say(f"{mark}{_task_names(tree)}{route}", style="bold", indent=indent, hang=2)
        self._page.say("; ".join(_task_facts(tree)), indent=indent + 2, hang=2)
        if tree.is_again:
            return
        outermost_first = tuple(reversed(first.chain))
        self._frames(outermost_first, tuple(reversed(tree.locals)), indent=indent + 4)
        for one in tree.awaited:
            self._tree(one, depth + 1)

    def _frames(self, stack: Stack, locals_of: Sequence[Named], *, indent: int) -> None:
        for place, frame in self._shown(stack):
            if frame and frame.file == SHIM:
                continue
            if frame is None:
                words = f"... {count(place, 'frame')} of libraries (--full shows all)"
                self._page.say(words, style="dim", indent=indent)
                continue
            mine = is_user(frame)
            words = f"{sentence(frame.function)} ({self._where(frame, is_mine=mine)})"
            self._page.say(words, style="" if mine else "dim", indent=indent, hang=2)
            self._source(frame, is_mine=mine, indent=indent + 4)
            for name, text in locals_of[place] if place < len(locals_of) else ():
                self._page.say(f"{sentence(name)} = {sentence(text)}", style="dim", indent=indent + 6, hang=2)

    def _where(self, frame: Frame, *, is_mine: bool) -> str:
        """File and line; of a library's file what lies below the folder that it is installed in."""
        file = frame.file if is_mine or self._is_full else INSTALLED.sub("", frame.file)
        return sentence(f"{file}:{frame.line}" if frame.line else file)

    def _source(self, frame: Frame, *, is_mine: bool, indent: int) -> None:
        text, is_changed = self._lines.get((frame.file, frame.line), ("", False))
        if is_changed and text:
            self._page.say(CHANGED, style="yellow", indent=indent)
        if text and (is_mine or self._is_full):
            self._page.code_line(text.strip(), indent=indent)

    def _shown(self, stack: Stack) -> Iterator[tuple[int, Frame | None]]:
        """Each frame with its place; for a long row of frames of libraries the two ends, and how many lie between."""
        start = 0
        while start < len(stack):
            end = start
            while end < len(stack) and not is_user(stack[end]):
                end += 1
            end = max(end, start + 1)
            if self._is_full or end - start <= SHORT_RUN:
                yield from ((place, stack[place]) for place in range(start, end))
            else:
                yield start, stack[start]
                yield end - start - 2, None
                yield end - 1, stack[end - 1]
            start = end


def _source_lines(windows: Sequence[SourceWindow]) -> Lines:
    return {
        (window.file, number): (text, window.is_changed_since_start)
        for window in windows
        for number, text in enumerate(window.lines, window.first_line)
    }


def _who(group: Threads) -> str:
    members, rest = bounded(group.members, MOST_NAMES)
    names = ", ".join(f"{sentence(one.name) or 'thread'} ({one.tid})" for one in members)
    first = group.members[0]
    kind = ", event loop" if first.is_loop else ""
    head = f"{len(group.members)} threads, " if len(group.members) > 1 else ""
    return f"{head}{names}{', ' + rest if rest else ''}{kind}"


def _waits_on(group: Threads) -> str:
    places, rest = bounded(list(dict.fromkeys(one.waits_on for one in group.members if one.waits_on)), MOST_PLACES)
    return f" on {sentence('; '.join([*places, *filter(None, [rest])]))}" if places else ""


def _facts(group: Threads) -> Iterator[str]:
    first = group.members[0]
    if first.task:
        yield f"runs task {sentence(first.task)}"
    if first.route:
        yield f"works for {sentence(first.route)}"
    used = sum(one.cores for one in group.members)
    if used >= 0.005 or first.state in ON_CPU:  # noqa: PLR2004 - less is shown as 0.00
        each = " together" if len(group.members) > 1 else ""
        yield f"{cores(used)}{each} over the look"
    if len(group.members) == 1 and first.on_cpu.count:
        yield f"on a CPU in {first.on_cpu}"
    yield _stillness(first) if first.still_s is not None else "moves"


def _stillness(one: ThreadDump) -> str:
    if one.is_still_all_along:
        return f"has not moved in all {one.on_cpu.of:,} looks ({seconds(one.still_s or 0.0)})"
    return f"has not moved for {seconds(one.still_s or 0.0)}" if one.still_s else "has just moved"


def _size(tree: Tasks) -> int:
    return (0 if tree.is_again else len(tree.members)) + sum(map(_size, tree.awaited))


def _task_names(tree: Tasks) -> str:
    members, rest = bounded(tree.members, MOST_NAMES)
    names = ", ".join(sentence(task.name) for task in members)
    head = f"{len(tree.members)} tasks, " if len(tree.members) > 1 else ""
    return f"{head}{names}{', ' + rest if rest else ''}: {sentence(tree.members[0].coroutine)}"


def _task_facts(tree: Tasks) -> Iterator[str]:
    first = tree.members[0]
    if tree.is_again:
        yield "stands above already: more than one task awaits it"
        return
    if tree.is_running:
        yield "runs now"
    elif tree.waits_for:
        yield sentence(tree.waits_for)
    elif first.waits_on:
        yield f"waits on {sentence(first.waits_on)}"
    elif not first.chain:
        yield "its await chain could not be read, or it has not begun"
    elif not first.must_cancel:
        yield "waits for nothing: it was about to run, or ran while it was read"
    if first.must_cancel:
        yield "a cancellation is on its way to it"
    elif first.cancel_requests:
        yield f"asked to cancel {count(first.cancel_requests, 'time')}"
    if not tree.is_running and tree.seen.count > 1:
        whose = "the longest of them " if len(tree.members) > 1 else ""
        yield f"{whose}at this await in {tree.seen} ({seconds(tree.since_s)})"
