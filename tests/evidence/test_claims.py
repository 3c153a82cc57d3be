"""Pools that show by who waits for them: callers, and those who came the same way and got further."""

from __future__ import annotations

from dataclasses import replace

from recordings import library, one_process, recording, task, task_looks, thread_samples, user

from spindoctor.evidence.pools import pools
from spindoctor.model.conversations import Claim, Conversation
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.locks import Party
from spindoctor.model.recording import Recording
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Route, Task

ASK, USE = user("order", 20), user("order", 21)
GET = Route("GET", "/order")


def waiting(*numbers: int, route: Route | None = GET) -> tuple[Task, ...]:
    """Tasks inside of the pool's method, at the line that asks for a member."""
    return tuple(task(number, library("acquire"), ASK, route=route) for number in numbers)


def working(*numbers: int, route: Route | None = GET) -> tuple[Task, ...]:
    """Tasks that came by the same function and stand at its next line."""
    return tuple(task(number, library("read"), USE, route=route) for number in numbers)


def claims(*numbers: int, kind: str = "pool", size: int | None = 2, taken: int | None = None) -> tuple[Claim, ...]:
    return tuple(Claim(Party(task=number), 77, kind, "Pool", size, taken) for number in numbers)


def of(tasks: tuple[Task, ...], asked: tuple[Claim, ...]) -> Recording:
    return recording(one_process(task_looks=task_looks(*[{"tasks": tasks, "claims": asked}] * 4)))


def found(seen: Recording) -> tuple[PoolUse, ...]:
    told = pools(seen)
    assert isinstance(told, Pools)
    return told.pools


def test_callers_queue_while_others_of_their_way_hold_what_they_ask_for() -> None:
    """Three wait, two are at work, in four looks 0.25 s apart."""
    use = found(of((*waiting(1, 2, 3), *working(4, 5)), claims(1, 2, 3)))[0]

    assert (use.pool.size, use.pool.queued, use.holding, use.full) == (2, 3, 2, Share(4, 4))
    assert (use.holders[0].culprit.line, use.waiters[0].line, use.held_s) == (21, 20, 0.75)
    assert not use.is_batch


def test_idle_consumers_of_a_queue_are_no_callers() -> None:
    """They work for no request, were there from the beginning, and two others of their kind are busy."""
    tasks = (*waiting(1, 2, 3, route=None), *working(4, 5, route=None))

    assert found(of(tasks, claims(1, 2, 3, kind="queue", size=None))) == ()


def test_requests_that_wait_for_news_together_wait_for_no_member() -> None:
    """Nobody who came the same way has got further."""
    assert found(of(waiting(1, 2, 3), claims(1, 2, 3))) == ()


def test_one_caller_is_no_queue() -> None:
    assert found(of((*waiting(1), *working(4, 5)), claims(1))) == ()


def test_a_semaphore_bounds_a_batch_that_is_no_request() -> None:
    tasks = (*waiting(1, 2, 3, route=None), *working(4, 5, route=None))

    use = found(of(tasks, claims(1, 2, 3, kind="semaphore")))[0]

    assert (use.is_batch, use.pool.queued, use.holding) == (True, 3, 2)


def test_a_way_that_leads_elsewhere_holds_nothing() -> None:
    """The others are at work in another function."""
    others = tuple(replace(one, chain=(user("report", 5),)) for one in working(4, 5))

    assert found(of((*waiting(1, 2, 3), *others), claims(1, 2, 3))) == ()


def test_callers_queue_for_members_that_were_not_given_back() -> None:
    """The pool says that both of its members are out, and nobody else is on the way of the three."""
    use = found(of(waiting(1, 2, 3), claims(1, 2, 3, taken=2)))[0]

    assert (use.pool.size, use.pool.queued, use.holding, use.holders) == (2, 3, 0, ())
    assert (use.waiters[0].line, use.held_s) == (20, 0.75)


def test_a_pool_with_a_member_left_is_not_what_its_callers_wait_for() -> None:
    """One of two is taken: they wait inside of it for something else, such as an address that is looked up."""
    assert found(of(waiting(1, 2, 3), claims(1, 2, 3, taken=1))) == ()


def test_a_semaphore_that_is_lent_out_and_that_nobody_got_further_with_keeps_its_callers_waiting() -> None:
    """Three requests wait in `with` for a permit, and none is left."""
    lent = tuple(replace(one, is_lent=True) for one in claims(1, 2, 3, kind="semaphore", size=None))

    use = found(of(waiting(1, 2, 3), lent))[0]

    assert (use.pool.size, use.pool.queued, use.holding) == (0, 3, 0)


def test_a_thread_of_a_library_asks_in_the_name_of_the_task_that_awaits_it() -> None:
    """Threads 11 and 12 wait for the pool that 13 holds; their stacks have no line of the user's."""
    tasks = tuple(task(number, USE, route=GET) for number in (1, 2, 3))
    threads = [ThreadLook(tid, (library("checkout"),), call=SystemCall("futex")) for tid in (11, 12, 13)]
    talks = tuple(Conversation(Party(tid=tid), for_task=tid - 10) for tid in (11, 12, 13))
    asked = tuple(Claim(Party(tid=tid), 77, "pool", "Pool", 1) for tid in (11, 12))
    looks = task_looks(*[{"tasks": tasks, "claims": asked, "conversations": talks}] * 4)

    use = found(recording(one_process(samples=thread_samples(threads), task_looks=looks)))[0]

    assert (use.queued_most, use.holding, use.is_batch) == (2, 1, False)
    assert (use.holders[0].culprit.function, use.holders[0].culprit.line) == ("order", 21)
