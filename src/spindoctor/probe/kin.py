"""Who belongs to one service, judged by command lines: pure, so that every way to make workers is a line in a test.

Sources: the command lines that CPython's `multiprocessing` gives its children (`multiprocessing/spawn.py`,
`forkserver.py`, `resource_tracker.py`), and the titles that gunicorn and celery set with setproctitle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Helper = str
"""What a child made by multiprocessing is for: "spawn", "forkserver" or "tracker"."""

_HELPERS = (
    ("spawn", "from multiprocessing.spawn import spawn_main"),
    ("spawn", "from billiard.spawn import"),
    ("forkserver", "from multiprocessing.forkserver import main"),
    ("tracker", "from multiprocessing.resource_tracker import main"),
    ("tracker", "from multiprocessing.semaphore_tracker import main"),
)
_TITLE = re.compile(r"\[?(gunicorn|celeryd|celery|uwsgi|hypercorn|unicorn|circusd)\b:? ")
_TITLE_PROGRAMS = {"celeryd": "celery"}
_PYTHON = re.compile(r"(^|/)(python|pypy)[\d.]*[a-z]*$")
_OPTIONS_WITH_VALUE = {"-X", "-W", "-Q"}


@dataclass(frozen=True, slots=True)
class Kinsman:
    """One process as the search for a family sees it."""

    pid: int
    parent_pid: int
    command: tuple[str, ...]
    executable: str


def helper_of(command: Sequence[str]) -> Helper | None:
    """What multiprocessing made this process for; None for any other."""
    code = _option_c(command)
    begins = code.removeprefix("import sys; ")  # 3.14 came to hand `sys.argv` on
    return next((kind for kind, start in _HELPERS if begins.startswith(start)), None)


def _option_c(command: Sequence[str]) -> str:
    after = (value for flag, value in pairwise(command) if flag == "-c")
    return next(after, "")


def program_of(command: Sequence[str]) -> str:
    """The program behind a command line: a module, a script's bare name, or what a process title names.

    `python -m uvicorn app:app` and `/srv/venv/bin/python /srv/venv/bin/uvicorn app:app` are both "uvicorn".
    """
    if not command:
        return ""
    title = _TITLE.match(command[0])
    if title:
        return _TITLE_PROGRAMS.get(title[1], title[1])
    rest = list(command[1:]) if _PYTHON.search(command[0]) else list(command)
    while rest and rest[0].startswith("-"):
        if rest[0] in {"-m", "-c"}:
            return rest[1].partition(".")[0] if rest[0] == "-m" and len(rest) > 1 else ""
        del rest[: 2 if rest[0] in _OPTIONS_WITH_VALUE else 1]
    return rest[0].rpartition("/")[2].removesuffix(".py") if rest else ""


def is_kin(parent: Kinsman, child: Kinsman) -> bool:
    """Whether a Python child belongs to the service of its Python parent: a copy of it, or a helper it started.

    A parent that runs another program (supervisord, honcho, a test runner) is no kin.
    """
    if helper_of(child.command) is not None:
        return True
    if _is_title(parent.command) or _is_title(child.command):
        return bool(program_of(parent.command)) and program_of(parent.command) == program_of(child.command)
    return is_same_program(parent, child)


def _is_title(command: Sequence[str]) -> bool:
    return bool(command) and bool(_TITLE.match(command[0]))


def is_same_program(one: Kinsman, other: Kinsman) -> bool:
    """Whether two processes run the same executable with the same arguments, whatever their argv[0]."""
    if one.executable and other.executable and one.executable != other.executable:
        return False
    return bool(one.command) and (one.command[1:] or one.command) == (other.command[1:] or other.command)


def leader_of(pid: int, kinsmen: Mapping[int, Kinsman]) -> int:
    """The topmost ancestor that is kin; the process itself where its parent is none."""
    seen = {pid}
    while True:
        parent = kinsmen.get(kinsmen[pid].parent_pid)
        if parent is None or not is_kin(parent, kinsmen[pid]):
            return pid
        if parent.pid in seen:  # a circle: pids were used again between two readings
            return min(seen)
        pid = parent.pid
        seen.add(pid)


def group_families(kinsmen: Mapping[int, Kinsman]) -> dict[int, list[int]]:
    """All families among Python processes: leader -> members in order of pid, the leader first."""
    families: dict[int, list[int]] = {}
    for pid in sorted(kinsmen):
        families.setdefault(leader_of(pid, kinsmen), []).append(pid)
    return {leader: [leader, *(pid for pid in pids if pid != leader)] for leader, pids in families.items()}


def role_of(leader: int, one: Kinsman, parent: Kinsman | None) -> str:
    """The part a process plays: "leader", "worker", or "relative".

    A relative serves nothing: a resource tracker, or a fork server. What the fork server forks keeps its command line.
    """
    if one.pid == leader:
        return "leader"
    helper = helper_of(one.command)
    is_server = helper == "forkserver" and (parent is None or helper_of(parent.command) != "forkserver")
    return "relative" if helper == "tracker" or is_server else "worker"


_RELOADER_MARKS = {"WERKZEUG_RUN_MAIN": "werkzeug-reload", "DJANGO_AUTORELOAD": "django-reload"}
"""Environment names that a reloader gives the child it restarts (werkzeug/_reloader.py, django/utils/autoreload.py)."""

_MASTERS = frozenset({"gunicorn", "celery", "uwsgi", "hypercorn", "uvicorn", "daphne", "granian", "fastapi"})


def made_by(leader: Kinsman, workers: Sequence[Kinsman], environment: Sequence[str], *, has_tornado: bool) -> str:
    """How the workers of a family came to be; "single" where there are none.

    `environment` are the names in the workers' environments. `has_tornado`: Tornado's extension module is mapped
    (its forks look like any other).
    """
    if not workers:
        return "single"
    program = program_of(leader.command)
    reloader = next((made for name, made in _RELOADER_MARKS.items() if name in environment), None)
    if reloader:
        return reloader
    if "--reload" in leader.command or (program == "fastapi" and "dev" in leader.command):
        return "uvicorn-reload" if program in {"uvicorn", "fastapi"} else f"{program}-reload"
    if program in _MASTERS:
        return "uvicorn" if program == "fastapi" else program
    if any(helper_of(one.command) for one in workers):
        return "multiprocessing"
    return "tornado" if has_tornado else "fork"
