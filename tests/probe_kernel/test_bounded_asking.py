"""What is asked of many threads and processes is bounded: by how many stand alike, and by its part of our time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spindoctor.probe import offspring, pipes
from spindoctor.probe.offspring import Offspring
from spindoctor.probe.pipes import PipeReader
from spindoctor.probe.settings import MOST_TRIES, SettingsReader

POOL, OTHER = ((0x10, 4), (0x20, 8)), ((0x10, 6), (0x20, 8))
"""Two places to stand at: the same functions, at another instruction of the inner one."""


class Clock:
    """Our own CPU time: a walk through the children takes 2 ms of it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.walks = 0

    def walk(self, pids: list[int]) -> dict[int, tuple[int, ...]]:
        del pids
        self.walks += 1
        self.now_s += 0.002
        return {}


def test_children_are_asked_for_in_a_hundredth_of_our_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk of 2 ms is made again after 0.2 s."""
    clock, reader = Clock(), PipeReader()
    monkeypatch.setattr(pipes, "_descendants", clock.walk)
    monkeypatch.setattr(pipes.time, "thread_time", lambda: clock.now_s)

    walks = [(reader.look(at_s, []), clock.walks) for at_s in (0.0, 0.1, 0.19, 0.21, 0.4, 0.42)]

    assert walks == [(None, 1), (None, 1), (None, 1), (None, 2), (None, 2), (None, 3)]


COMMANDS = {100: b"gunicorn", 201: b"gunicorn", 202: b"gunicorn", 203: b"convert", 204: b"gunicorn", 205: b"gunicorn"}
LOOKS = ({201}, {201, 202, 203, 204}, {201, 204, 205}, {205})
"""The children of process 100 in four looks: of those that began since the first, 202 to 204 are gone at the end."""


@pytest.mark.parametrize(("young", "gone"), [(set(), 2), ({202}, 1)], ids=["forks", "one may become another program"])
def test_forks_that_began_during_the_look_and_are_gone_are_counted(
    monkeypatch: pytest.MonkeyPatch, young: set[int], gone: int
) -> None:
    """203 runs another program; 201 was there from the start."""
    seen = Offspring()
    monkeypatch.setattr(offspring, "try_bytes", lambda path: COMMANDS[int(path.split("/")[2])])
    monkeypatch.setattr(offspring, "_age_s", lambda pid: 0.01 if pid in young else 1.0)

    for there in LOOKS:
        seen.note(dict.fromkeys(there, (100,)))

    assert seen.gone == gone


def reader_that_notes(monkeypatch: pytest.MonkeyPatch, *keeping: int) -> tuple[SettingsReader, list[int]]:
    """A reader of settings and the threads that it asks; those in `keeping` do keep times of files."""
    asked: list[int] = []

    def watched_by(self: SettingsReader, tid: int, frames: object) -> str:
        del self, frames
        asked.append(tid)
        return "found" if tid in keeping else ""

    monkeypatch.setattr(SettingsReader, "_watched_by", watched_by)
    return SettingsReader(SimpleNamespace(objects=None)), asked


def standing(*places: tuple[tuple[int, int], ...]) -> dict[int, list[Any]]:
    """Threads 1, 2, ... at these places."""
    return {
        tid: [SimpleNamespace(code=code, instruction=at) for code, at in place] for tid, place in enumerate(places, 1)
    }


def test_of_threads_that_stand_alike_three_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, asked = reader_that_notes(monkeypatch)

    reader.seek_watched(standing(POOL, POOL, OTHER, POOL, POOL, POOL, OTHER))

    assert asked == [1, 2, 3, 4, 7]


def test_who_keeps_nothing_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, asked = reader_that_notes(monkeypatch)

    for _ in range(MOST_TRIES + 2):
        reader.seek_watched(standing(POOL))

    assert asked == [1] * MOST_TRIES


def test_who_was_found_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, asked = reader_that_notes(monkeypatch, 2)

    for _ in range(3):
        reader.seek_watched(standing(POOL, OTHER))

    assert asked == [1, 2, 1, 1]
    assert reader.watched_files == ("found",)
