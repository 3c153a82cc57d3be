"""Real processes for the live tests: each ends with its test, and by itself after a minute whatever happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from kernel_victims import BOUND, AsNobody, NeedRoot, Start, Started, Victim

_NOBODY = 65534


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python code that prints one line when it is ready; more arguments go to the code."""
    victims: list[Victim] = []

    def run(code: str, *arguments: str, prefix: tuple[str, ...] = (), python: str = sys.executable,
            environment: dict[str, str] | None = None) -> Started:  # fmt: skip
        victim = Victim([*prefix, python, "-c", BOUND + code, *arguments], environment)
        victims.append(victim)
        return victim

    yield run
    for victim in victims:
        victim.end()


@pytest.fixture
def need_root() -> NeedRoot:
    """Leave the test out, with a sentence, where it needs a right that only root has."""

    def need(what: str) -> None:
        if os.geteuid():
            pytest.skip(f"making {what} needs root")

    return need


@pytest.fixture
def as_nobody(need_root: NeedRoot) -> AsNobody:
    """Call a function in a child that belongs to the user nobody, and give back the text it returns."""

    def run(attempt: Callable[[], str]) -> str:
        need_root("a process of another user")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _report(attempt, writing)
        os.close(writing)
        with os.fdopen(reading) as answer:
            text = answer.read()
        os.waitpid(child, 0)
        return text

    return run


def _report(attempt: Callable[[], str], writing: int) -> NoReturn:
    """In the child: whatever happens, answer and end without running the parent's clean-up."""
    try:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        text = attempt()
    except BaseException as error:  # noqa: BLE001 - the answer is all that leaves the child
        text = f"failed: {error!r}"
    os.write(writing, text.encode())
    os._exit(0)
