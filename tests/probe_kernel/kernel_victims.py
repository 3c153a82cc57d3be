"""Processes to look at, and what the fixtures that make them are called by."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

BOUND = "import signal; signal.alarm(60)\n"


class Started(Protocol):
    """A running process and the words it said when it was ready."""

    pid: int
    words: list[str]

    def tell(self, line: str) -> list[str]: ...

    def begin(self) -> None: ...

    def end(self) -> None: ...


class Victim:
    def __init__(self, command: list[str], environment: dict[str, str] | None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.pid = self._process.pid
        self.words = self._answer()

    def _answer(self) -> list[str]:
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def begin(self) -> None:
        """Send an empty line and wait for no answer."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def tell(self, line: str) -> list[str]:
        """Send a line; the words of the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


Start = Callable[..., Started]


NeedRoot = Callable[[str], None]
AsNobody = Callable[[Callable[[], str]], str]


def own_descriptors() -> int:
    """How many descriptors we have open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def until(claim: Callable[[], bool], seconds: float = 10) -> bool:
    """Look until a claim is true, without sleeping; False where it never was."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if claim():
            return True
    return False
