"""Who has a lock that was taken by `acquire()`, told by the source."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from recordings import one_process, recording, task_looks, user

from spindoctor.evidence.anatomy import Anatomy
from spindoctor.evidence.held_locks import holds, with_holders
from spindoctor.model.locks import Handle, Party, Wait
from spindoctor.model.recording import SourceWindow

TRIED = """
def save(self):
    self.mu.acquire()
    try:
        write()
        if done:
            flush()
    except OSError:
        log()
    finally:
        close()
        self.mu.release()
    report()
"""
WITHIN = """
def save(self):
    try:
        self.mu.acquire()
        write()
    finally:
        self.mu.release()
"""
PLAIN = """
def save(self):
    begin()
    self.mu.acquire()
    write()
    if late:
        flush()
    self.mu.release()
    report()
    self.mu.acquire()
    write()
    self.mu.release()
"""
ASKED = """
def save(self):
    if not self.mu.acquire(timeout=1):
        return
    try:
        write()
    finally:
        self.mu.release()
"""


def anatomy(text: str) -> Anatomy:
    node = ast.parse(text).body[0]
    return Anatomy("/srv/app.py", 2, len(text.splitlines()), node)


@pytest.mark.parametrize(
    ("text", "lines"),
    [(TRIED, {4, 5, 6, 7, 8, 9, 10, 11, 12}), (WITHIN, {5, 7}), (PLAIN, {5, 6, 7, 8, 11, 12}), (ASKED, {6, 8})],
    ids=["try", "taken in the try", "no try", "asked with a limit"],
)
def test_a_function_has_a_lock_from_its_taking_to_its_release(text: str, lines: set[int]) -> None:
    one = anatomy(text)

    assert {line for line in range(one.first, one.last + 1) if holds(one, line, "self.mu")} == lines
    assert not any(holds(one, line, "self.other") for line in range(one.first, one.last + 1))


SOURCE = SourceWindow("/srv/app.py", 2, 2, tuple(TRIED.splitlines()[1:]))
HOLDER, WAITER, THIRD = Party(tid=101), Party(tid=102), Party(task=7)
AT_WORK, AT_ASK = user("save", 5), user("save", 3)


def told(*handles: Handle, holders: tuple[Party, ...] = ()) -> Wait:
    wait = Wait(WAITER, "lock", 9, "_thread.lock", holders, handles=handles)
    seen = recording(one_process(task_looks=task_looks({"waits": (wait,)}), functions=(SOURCE,)))
    return with_holders(seen).processes[0].task_looks[0].waits[0]


def test_who_stands_where_it_was_taken_has_it() -> None:
    wait = told(Handle(WAITER, AT_ASK, "self.mu"), Handle(HOLDER, AT_WORK, "self.mu"), Handle(HOLDER, AT_WORK, "self"))

    assert (wait.holders, wait.held_at) == ((HOLDER,), AT_WORK)


def test_who_has_it_is_kept_with_the_first_wait_and_told_for_all() -> None:
    first = Wait(WAITER, "lock", 9, "_thread.lock", handles=(Handle(HOLDER, AT_WORK, "self.mu"),))
    others = (Wait(THIRD, "lock", 9, "_thread.lock"), Wait(THIRD, "lock", 10, "_thread.lock"))
    seen = recording(one_process(task_looks=task_looks({"waits": (first, *others)}), functions=(SOURCE,)))

    waits = with_holders(seen).processes[0].task_looks[0].waits

    assert [one.holders for one in waits] == [(HOLDER,), (HOLDER,), ()]


def test_of_two_who_may_have_it_neither_is_told() -> None:
    """The lock went from one to the other while the look was made."""
    assert told(Handle(HOLDER, AT_WORK, "self.mu"), Handle(THIRD, AT_WORK, "self.mu")).holders == ()


def test_who_asks_again_for_what_it_has_waits_for_itself() -> None:
    wait = told(Handle(WAITER, AT_ASK, "self.mu"), Handle(WAITER, AT_WORK, "self.mu"))

    assert wait.holders == (WAITER,)


def test_a_function_that_cannot_be_read_says_nothing() -> None:
    assert told(Handle(HOLDER, replace(AT_WORK, line=90), "self.mu")).holders == ()
