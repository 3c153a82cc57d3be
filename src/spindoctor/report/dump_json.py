"""A dump for programs: one JSON object, described in docs/json.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from spindoctor.model.dump import Dump, Named, ProcessDump, Tasks, ThreadDump
from spindoctor.model.frames import Stack
from spindoctor.model.origin import is_user
from spindoctor.model.tasks import Task

FORMAT = 1
"""Grows when a key changes its meaning or goes; new keys do not change it."""

Json = dict[str, Any]
Lines = dict[tuple[str, int], tuple[str, bool]]


def render(dump: Dump, *, with_threads: bool = True, with_tasks: bool = True) -> str:
    """The dump as one JSON object (RFC 8259, ASCII only), ended by a line break; nothing is folded or left out."""
    content = {
        "format": FORMAT,
        "look": {
            "seconds": dump.seconds,
            "looks": dump.looks,
            "missed": dump.missed,
            "started_at": dump.started_at,
            "is_interrupted": dump.is_interrupted,
        },
        "processes": [_process(one, with_threads=with_threads, with_tasks=with_tasks) for one in dump.processes],
        "others": list(dump.others),
        "notes": list(dump.notes),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _process(found: ProcessDump, *, with_threads: bool, with_tasks: bool) -> Json:
    lines = {
        (window.file, number): (text, window.is_changed_since_start)
        for window in found.sources
        for number, text in enumerate(window.lines, window.first_line)
    }
    one = found.process
    threads = [_thread(member, lines) for group in found.threads for member in group.members]
    return {
        "pid": one.pid,
        "role": one.role,
        "command": list(one.command),
        "python": one.python,
        "cores": found.cores,
        "threads": threads if with_threads else None,
        "tasks": [member for tree in found.tasks for member in _tree(tree, lines)] if with_tasks else None,
        "task_count": found.task_count,
        "tasks_missing": found.missing or None,
    }


def _thread(one: ThreadDump, lines: Lines) -> Json:
    return {
        "tid": one.tid,
        "name": one.name,
        "state": one.state,
        "doing": one.doing,
        "waits_on": one.waits_on or None,
        "cores": one.cores,
        "looks": one.on_cpu.of,
        "looks_on_cpu": one.on_cpu.count,
        "still_s": one.still_s,
        "is_still_all_along": one.is_still_all_along,
        "is_loop": one.is_loop,
        "route": one.route,
        "task": one.task,
        "is_complete": one.is_complete,
        "stack": _stack(one.stack, one.locals, lines),
    }


def _tree(tree: Tasks, lines: Lines) -> list[Json]:
    """One object for each member; those that are told elsewhere have a name and nothing else."""
    return [_task(tree, member, lines, is_first=number == 0) for number, member in enumerate(tree.members)]


def _task(tree: Tasks, task: Task, lines: Lines, *, is_first: bool) -> Json:
    head = {"name": task.name, "address": task.address, "is_again": tree.is_again}
    if tree.is_again:
        return head
    return {
        **head,
        "coroutine": task.coroutine,
        "route": str(task.route) if task.route else None,
        "is_running": tree.is_running,
        "waits_on": task.waits_on,
        "waits_for": tree.waits_for or None,
        "must_cancel": task.must_cancel,
        "cancel_requests": task.cancel_requests,
        "at_this_await_s": tree.since_s if is_first else None,
        "at_this_await_looks": tree.seen.count if is_first else None,
        "looks": tree.seen.of,
        "stack": _stack(task.chain, tree.locals, lines),
        "awaits": [member for one in tree.awaited for member in _tree(one, lines)],
    }


def _stack(stack: Stack, locals_of: Sequence[Named], lines: Lines) -> list[Json]:
    """Innermost first."""
    found = []
    for place, frame in enumerate(stack):
        text, is_changed = lines.get((frame.file, frame.line), (None, None))
        found.append(
            {
                "function": frame.function,
                "file": frame.file,
                "line": frame.line or None,
                "is_user": is_user(frame),
                "source": text,
                "is_changed_since_start": is_changed,
                "locals": dict(locals_of[place]) if place < len(locals_of) else None,
            }
        )
    return found
