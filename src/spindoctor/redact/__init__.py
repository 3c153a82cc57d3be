"""A recording without what its owner would not show to strangers, in which all else can still be judged.

It is the recording that is made harmless, never a report: every report of a redacted recording is one by construction,
and so is every form that it is written in. Each text in the model has its treatment in `TREATMENTS`; a text that has
none becomes `***`. What is a name is replaced by a pseudonym, the same one everywhere, so that what belonged together
still does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spindoctor.model.locks import FILE_LOCK
from spindoctor.model.process import Process
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.routes import PART, Route, shape, shape_of_template
from spindoctor.model.tasks import BARE_YIELD, HUB, KEPT
from spindoctor.redact.commands import redact_command
from spindoctor.redact.names import Names
from spindoctor.redact.paths import Paths
from spindoctor.redact.sentences import Sentences, shape_of_pattern
from spindoctor.redact.sources import redact_source
from spindoctor.redact.walk import HIDDEN, Treatment, rebuild, texts

TREATMENTS: dict[str, str] = {
    "CallCounts.calls": "ours",
    "CallCounts.failures": "ours",
    "Callback.file": "file",
    "Callback.function": "code",
    "Callback.holder_type": "code",
    "Candidate.file": "file",
    "Candidate.function": "code",
    "Candidate.shape": "ours",
    "ChildWait.by": "ours",
    "Claim.kind": "ours",
    "Claim.name": "code",
    "Descriptor.kind": "ours",
    "Descriptor.path": "data",
    "Failure.bases": "code",
    "Failure.kind": "code",
    "Failure.peer": "address",
    "Failure.text": "nothing",
    "Frame.file": "file",
    "Frame.function": "code",
    "FullQueue.type_name": "code",
    "Handle.name": "code",
    "Held.name": "code",
    "HotLook.caught": "code",
    "Match.pattern": "pattern",
    "Missed.why": "sentence",
    "Neighbour.name": "name",
    "PipeWait.attended": "ours",
    "PipeWait.name": "name",
    "Pool.kind": "ours",
    "Pool.name": "name",
    "Process.command": "command",
    "Process.cwd": "file",
    "Process.environment": "nothing",
    "Process.executable": "file",
    "Process.name": "name",
    "Process.python": "ours",
    "Process.role": "ours",
    "Process.sys_path": "file",
    "Process.user": "user",
    "ProcessRecording.ended": "sentence",
    "ProcessRecording.missing": "sentence",
    "ProcessRecording.packages": "ours",
    "Pulse.kind": "ours",
    "Pulse.path": "data",
    "Pulse.state": "ours",
    "Recording.notes": "sentence",
    "Scope.callback": "code",
    "Scope.type_name": "code",
    "SharedLock.name": "ours",
    "SharedLock.type_name": "lock",
    "Socket.local": "address",
    "Socket.protocol": "ours",
    "Socket.remote": "address",
    "Socket.state": "ours",
    "Switch.kind": "ours",
    "Switch.shown_by": "sentence",
    "SystemCall.name": "ours",
    "Target.made_by": "ours",
    "Task.coroutine": "code",
    "Task.name": "name",
    "Task.state": "ours",
    "Task.waits_on": "code",
    "ThreadUse.kernel_name": "name",
    "ThreadUse.loop_type": "code",
    "ThreadUse.name": "name",
    "Values.names": "code",
    "Values.texts": "nothing",
    "Wait.kind": "ours",
    "Wait.type_name": "code",
    "WatchedFiles.example": "file",
    "WatchedFiles.name": "code",
}
"""What happens to each text of the model: `Class.field` to the name of a treatment. "ours" is what we or the kernel
chose from a fixed set, with the names and versions of packages; "code" are names in source code."""


KINDS = frozenset({BARE_YIELD, HUB, KEPT})
"""What we call kinds of waits and loops where others have the name of a type: the rules know them by it."""


def redact(recording: Recording) -> Recording:
    """The recording with paths outside of the service, users, hosts, requests' paths, commands and literals hidden.

    Names in code, files inside the service, packages, ports, pids and all figures stay. Judged by the rules it gives
    the same verdict. Pure; a recording redacted twice is as good as one redacted once.
    """
    return Redactor()(recording)


_QUERY = re.compile(r"(?<!\()\?")
"""Where a query begins; in a pattern that is a regular expression, `(?P<name>` begins no query."""

_PLAIN_PART = re.compile(r"v\d{1,2}|[a-z]{1,16}(?:[-_][a-z]{1,16})*|[a-z]{1,16}(?:[A-Z][a-z]{1,15}){1,2}")
"""A version, words in lower case, or a name like `sendMessage`: no key is made of so little."""


class Redactor:
    """Redacts the recordings of one service, one after the other: what is hidden has the same pseudonym in all."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: tuple[Names, Paths] | None = None

    def __call__(self, recording: Recording) -> Recording:
        """What `redact` gives."""
        names, paths = self._of(recording.target.processes)
        names.learn(texts(recording, {name for name, treatment in TREATMENTS.items() if treatment == "code"}))
        names.learn(paths.code(file) for file in texts(recording, {"Frame.file", "Callback.file", "Candidate.file"}))
        names.learn(name for one in recording.processes for name, _ in one.packages)
        _number(recording, names)
        return _redacted(recording, names, paths)

    def _of(self, processes: Sequence[Process]) -> tuple[Names, Paths]:
        """Those of earlier recordings, who meet other accounts and other folders that belong to the service by now."""
        users = frozenset(process.user for process in processes)
        if self._known is None:
            self._known = Names(users), Paths(processes, users)
        names, paths = self._known
        names.meet(users)
        paths.meet(processes, users)
        return names, paths


def _number(recording: Recording, names: Names) -> None:
    """Give pseudonyms to accounts, processes and threads first, the oldest first.

    In the order in which a recording has them the busiest thread comes first, and that is another one in each: what is
    in all recordings of a service has the same pseudonym in all.
    """
    for known in sorted(recording.target.processes, key=lambda one: one.pid):
        names.pseudonym("user", known.user)
        names.words(known.name)
    for process in sorted(recording.processes, key=lambda one: one.pid):
        for use in sorted(process.threads, key=lambda one: one.tid):
            names.words(use.name)
            names.words(use.kernel_name)


def _redacted(recording: Recording, names: Names, paths: Paths) -> Recording:
    sentences = Sentences(names)
    treatments: dict[str, Treatment] = {
        "ours": str,
        "code": lambda text: text if text in KINDS else names.code(text),
        "lock": lambda text: _lock(text, names, paths),
        "name": names.words,
        "file": paths.code,
        "data": paths.data,
        "address": lambda text: names.address(text) or paths.data(text),
        "pattern": shape_of_pattern,
        "sentence": sentences.scrub,
        "user": lambda text: names.pseudonym("user", text),
        "nothing": lambda _: HIDDEN,
    }
    wholes: dict[type, Any] = {
        Route: lambda route: _route(route, names),
        SourceWindow: lambda window: _window(window, paths),
    }
    safe = rebuild(recording, {name: treatments.get(kind) for name, kind in TREATMENTS.items()}, wholes)
    return replace(safe, target=replace(safe.target, processes=_processes(recording, safe, names, paths)))


def _processes(recording: Recording, safe: Recording, names: Names, paths: Paths) -> tuple[Any, ...]:
    """The processes with what is treated as a whole: command lines, and the names of variables, which are dropped."""
    modules = frozenset(
        part.removesuffix(".py") for file in texts(recording, {"Frame.file"}) for part in paths.code(file).split("/")
    )
    pairs = zip(recording.target.processes, safe.target.processes, strict=True)
    return tuple(
        replace(after, command=redact_command(before.command, names, paths, modules), environment=())
        for before, after in pairs
    )


def _route(route: Route, names: Names) -> Route:
    """A route by its pattern in the code; where none is known, by the words of its path that are words of the code."""
    method = route.method if route.method.isalpha() and route.method.isupper() else HIDDEN
    if route.template:
        template = "/".join(_part(one, names) for one in _QUERY.split(route.template)[0].split("/"))
        return Route(method, template, template)
    words = names.words(shape(route.path.partition("?")[0].partition("#")[0]))
    return Route(method, words, words)


def _part(part: str, names: Names) -> str:
    """A part of a pattern: gaps and plain words stay, what a program has made of a key (`f"/hook/{key}"`) does not."""
    literal = shape_of_template(part).replace(PART, "").strip("^$")
    is_plain = all(_PLAIN_PART.fullmatch(one) for one in literal.split(".") if one)
    return part if is_plain or names.is_known(literal) else HIDDEN


def _lock(name: str, names: Names, paths: Paths) -> str:
    """The type of a lock; one of a file has the file's path behind it."""
    kind, _, path = name.partition(f"{FILE_LOCK} ")
    return names.code(name) if kind else f"{FILE_LOCK} {paths.data(path)}" if path else name


def _window(window: SourceWindow, paths: Paths) -> SourceWindow:
    lines = redact_source(window.lines, window.line - window.first_line)
    return replace(window, file=paths.code(window.file), lines=lines)
