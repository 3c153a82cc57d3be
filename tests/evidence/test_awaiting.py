"""What a task awaits, in a word."""

from __future__ import annotations

import pytest
from recordings import library, one_process, recording, task, task_looks, user

from spindoctor.evidence.awaiting import asked_for, awaited
from spindoctor.evidence.blocked import Waits
from spindoctor.evidence.forest import forest
from spindoctor.evidence.profile import profile
from spindoctor.model.conversations import Conversation
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party, Wait
from spindoctor.model.process import Descriptor

SLEEP = Frame("sleep", "/usr/lib/python3.12/asyncio/tasks.py", 655)


def test_a_sleep_is_known_by_its_function_and_a_lock_by_its_type() -> None:
    lock = Wait(Party(task=7), "task lock", 8, "asyncio.locks.Lock")

    assert awaited(task(7, SLEEP, user("mail"))) == "sleep"
    assert awaited(task(7, user("sleep"), user("mail"))) == "_asyncio.Future"
    assert awaited(task(7, library("acquire"), user("mail")), lock) == "asyncio.locks.Lock"
    assert awaited(task(7, library("run"), user("mail"), waits_on=None), lock) == ""


def test_a_task_that_runs_waits_for_nothing_and_is_no_look_at_a_wait() -> None:
    """It waited at a connection in the look before; in the second it computes."""
    waits, runs = task(7, library("read"), user("price")), task(7, user("price"), waits_on=None)
    talk = Conversation(Party(task=7), waits_at=5)
    looks = task_looks({"tasks": (waits,)}, {"tasks": (waits,)}, {"tasks": (runs,), "conversations": (talk,)})
    seen = one_process(task_looks=looks)

    (lane,) = profile(recording(seen)).lanes

    assert [(spot.at_s, spot.stack[-1].function) for spot in lane.spots] == [(looks[1].at_s, "read")]
    assert Waits(seen).of_task(7) == ""


def test_a_sleep_has_no_age_and_who_awaits_a_task_waits_at_no_connection() -> None:
    """A loop of short sleeps looks the same in each look; the parent reads from a socket once its child is done."""
    sleeps, other = task(7, SLEEP, user("tick")), task(8, library("read"), user("serve"))
    child = task(9, library("recv"), user("handle"), awaited_by=(8,))
    talk = Conversation(Party(task=8), waits_at=5)
    look = {"tasks": (sleeps, other, child), "conversations": (talk,)}
    seen = one_process(task_looks=task_looks(look, look, look), descriptors=(Descriptor(5, "pipe", 1, "pipe:[1]"),))

    trees = {tree.members[0].address: tree for tree in forest(seen)}

    assert (trees[7].seen.count, trees[7].since_s, trees[7].waits_for) == (0, 0.0, "sleeps")
    assert (trees[8].seen.count, trees[8].waits_for) == (3, "")


def frames(*places: tuple[str, str]) -> tuple[Frame, ...]:
    return tuple(Frame(function, f"/usr/lib/python3/{file}", 1) for function, file in places)


@pytest.mark.parametrize(
    ("above", "said"),
    [
        (("Queue.get", "queue.py"), "waits for an item of a queue"),
        (("put", "queue.py"), "waits for room in a queue"),
        (("Event.wait", "threading.py"), "waits for an event"),
        (("wait", "threading.py"), "waits for an event"),
        (("Semaphore.acquire", "threading.py"), "waits for a semaphore"),
        (("Future.result", "concurrent/futures/_base.py"), "waits for the result of a future"),
        (("drain", "app.py"), "waits for a condition"),
    ],
)
def test_a_thread_s_wait_is_told_by_what_stands_above_its_condition(above: tuple[str, str], said: str) -> None:
    assert asked_for(frames(("Condition.wait", "threading.py"), above)) == said


def test_other_stacks_say_nothing() -> None:
    assert asked_for(()) == ""
    assert asked_for(frames(("wait", "subprocess.py"), ("run", "app.py"))) == ""
    assert asked_for(frames(("Thread.join", "threading.py"), ("run", "app.py"))) == ""
