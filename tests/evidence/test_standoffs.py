"""Who waits for whom: circles, loops, pools and orphans, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace

from recordings import PID, library, main_thread, one_process, recording, task, task_looks, thread_samples, user

from spindoctor.evidence.lock_uses import lock_uses
from spindoctor.evidence.standoffs import standoffs
from spindoctor.model.conversations import Conversation
from spindoctor.model.locks import Party, Wait
from spindoctor.model.process import Process
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool, Task
from spindoctor.model.waiting import LockUse, LockUses, Standoff, Standoffs

RED, BLUE, GREEN = (Party(tid=tid) for tid in (101, 102, 103))
MAIN = Party(tid=PID)
FUTEX = SystemCall("futex", (0xF0, 0, 0, 0))
THREADS = tuple(ThreadUse(tid, name, name) for tid, name in ((101, "red"), (102, "blue"), (103, "green")))
WAITING = tuple(ThreadLook(tid, (user("move", tid),), call=FUTEX) for tid in (101, 102, 103))


def lock(waiter: Party, *holders: Party, target: int = 1, kind: str = "lock") -> Wait:
    return Wait(waiter, kind, target, "_thread.lock", holders)


def of(*waits: Wait, looks: int = 5, tasks: tuple[Task, ...] = (), pools: tuple[Pool, ...] = ()) -> Recording:
    """The same waits in this many slow looks, a quarter of a second apart."""
    seen = task_looks(*[{"waits": waits, "tasks": tasks, "pools": pools}] * looks)
    return recording(
        one_process(task_looks=seen, threads=(main_thread(), *THREADS), samples=thread_samples(*[WAITING] * 100))
    )


def found(seen: Recording) -> list[Standoff]:
    told = standoffs(seen)
    assert isinstance(told, Standoffs)
    return list(told.standoffs)


def test_two_threads_that_have_what_the_other_wants_are_one_circle() -> None:
    """In five looks, a quarter of a second apart: for a second."""
    circle = found(of(lock(RED, BLUE, target=1), lock(BLUE, RED, target=2)))

    assert [(one.kind, len(one.members), one.seen, one.lasted_s) for one in circle] == [("cycle", 2, Share(5, 5), 1.0)]
    assert circle[0].members[0].culprit.line == 101
    assert "thread blue has" in circle[0].members[0].waits_for


def test_who_waits_for_one_of_a_circle_is_not_of_it() -> None:
    circle = found(of(lock(RED, BLUE, target=1), lock(BLUE, RED, target=2), lock(GREEN, RED, target=2)))

    assert [[one.name for one in each.members] for each in circle] == [["thread red", "thread blue"]]


def test_a_queue_for_one_lock_is_no_circle() -> None:
    assert found(of(lock(RED, BLUE), lock(GREEN, BLUE))) == []


def test_a_lock_whose_holder_is_not_known_closes_no_circle() -> None:
    assert found(of(lock(RED, BLUE, target=1), lock(BLUE, target=2))) == []


def test_a_circle_through_the_end_of_a_thread_counts() -> None:
    joined = found(of(lock(RED, BLUE, target=1), lock(BLUE, RED, target=2, kind="join")))

    assert joined[0].members[1].waits_for == "the end of thread red"


def test_a_circle_that_was_broken_counts_from_its_last_beginning() -> None:
    circle = (lock(RED, BLUE, target=1), lock(BLUE, RED, target=2))
    looks = task_looks({"waits": circle}, {}, {"waits": circle}, {"waits": circle})

    once = found(recording(one_process(task_looks=looks, threads=THREADS)))

    assert (once[0].seen, once[0].lasted_s) == (Share(3, 4), 0.25)


def test_a_loop_that_waits_for_its_own_future_is_told_as_the_loops() -> None:
    own = found(of(lock(MAIN, MAIN, kind="future")))

    assert [(one.kind, one.holds_loop, one.members[0].waits_for) for one in own] == [
        ("loop", True, "a result that only thread MainThread can bring")
    ]


def test_a_loop_that_waits_for_a_lock_of_its_own_suspended_task_waits_for_itself() -> None:
    """The task that has the lock can only go on when the loop's thread comes back."""
    own = found(of(lock(MAIN, Party(task=7)), tasks=(task(7, user("hold", 64)),)))

    assert [(one.kind, one.has_tasks) for one in own] == [("loop", True)]


def test_a_thread_that_waits_for_a_lock_of_a_task_is_no_standoff() -> None:
    """The loop's thread is free: it will run the task again."""
    assert found(of(lock(RED, Party(task=7)), tasks=(task(7, user("hold", 64)),))) == []


def test_tasks_that_await_each_others_child_are_a_circle_unless_a_timeout_is_between() -> None:
    parent, child = task(7, user("parent", 1)), task(8, user("child", 2), awaited_by=(7,))
    wants = lock(Party(task=8), Party(task=7), kind="task lock")
    patient = task(7, user("wait_for", 5), user("parent", 1))

    assert [one.kind for one in found(of(wants, tasks=(parent, child)))] == ["cycle"]
    assert found(of(wants, tasks=(patient, child))) == []


def test_a_pool_waits_for_itself_only_where_all_its_members_do() -> None:
    full = Pool(9, "executor", "render", size=2, busy=2, queued=2, tids=(101, 102))
    both = [Wait(party, "pool", 9, "render", (RED, BLUE)) for party in (RED, BLUE)]

    assert [one.kind for one in found(of(*both, pools=(full,)))] == ["pool"]
    assert found(of(both[0], pools=(full,))) == []
    assert found(of(*both, pools=(replace(full, size=4),))) == []


def test_who_waits_outside_of_such_a_pool_is_none_of_its_members() -> None:
    full = Pool(9, "executor", "render", size=2, busy=2, queued=3, tids=(101, 102))
    waits = [Wait(party, "pool", 9, "render", (RED, BLUE)) for party in (MAIN, RED, BLUE)]

    (one,) = found(of(*waits, pools=(full,)))

    assert len(one.members) == 2


def test_an_owner_that_does_not_exist_makes_an_orphan() -> None:
    assert [one.kind for one in found(of(replace(lock(RED), is_orphaned=True)))] == ["orphan"]


def test_of_several_who_wait_for_one_orphan_the_first_to_come_stands_for_all() -> None:
    """The blue thread came two looks after the red one."""
    red, blue = (replace(lock(one), is_orphaned=True) for one in (RED, BLUE))
    looks = task_looks(*[{"waits": (red,)}] * 2, *[{"waits": (blue, red)}] * 3)

    (one,) = found(recording(one_process(task_looks=looks)))

    assert (one.kind, one.seen, one.members[0].name) == ("orphan", Share(5, 5), f"thread {RED.tid}")


def test_a_lock_without_a_holder_is_an_orphan_only_in_a_forked_child_with_one_thread() -> None:
    waits = (lock(MAIN),)
    alone = one_process(
        200, task_looks=task_looks({"waits": waits}), samples=thread_samples([ThreadLook(PID, (), call=FUTEX)])
    )
    parent = Process(100, 1, 0.0, 1, "python", ("python", "app.py"), "/usr/bin/python3", "/srv", "www")
    forked = replace(parent, pid=200, parent_pid=100, role="worker")
    seen = recording(one_process(), alone)
    of_fork = replace(seen, target=replace(seen.target, processes=(parent, forked)))
    of_another = replace(seen, target=replace(seen.target, processes=(parent, replace(forked, command=("other",)))))

    of_one_that_ended = replace(
        of_fork, processes=(one_process(), replace(alone, task_looks=task_looks({"waits": (lock(RED),)})))
    )

    assert [one.is_forked for one in found(of_fork)] == [True]
    assert found(of_another) == found(of_one_that_ended) == []


def test_without_a_slow_look_nothing_is_known_of_locks() -> None:
    assert isinstance(standoffs(recording(one_process())), Missing)
    assert isinstance(lock_uses(recording(one_process())), Missing)


def uses(seen: Recording) -> tuple[LockUse, ...]:
    told = lock_uses(seen)
    assert isinstance(told, LockUses)
    return told.locks


def test_waiters_are_counted_by_lock_and_timed_by_their_looks() -> None:
    """Two wait for one lock in five looks; their threads did not move in 100 looks 10 ms apart."""
    use = uses(of(lock(RED, GREEN), lock(BLUE, GREEN)))[0]

    assert (use.queued, use.waiters, use.waiters_most, round(use.longest_s, 2)) == (Share(5, 5), 2.0, 2, 0.99)
    assert [(one.function, one.line) for one in use.sites] == [("move", 101), ("move", 102)]
    assert use.holder
    assert use.holder.line == 103


def test_a_circle_that_only_the_last_look_found_hides_no_queue() -> None:
    queue, circle = (lock(RED, GREEN), lock(BLUE, GREEN)), (lock(RED, GREEN), lock(BLUE, GREEN), lock(GREEN, RED))
    seen = task_looks(*[{"waits": waits} for waits in (queue, queue, queue, queue, circle)])
    process = one_process(task_looks=seen, threads=THREADS, samples=thread_samples(*[WAITING] * 100))

    assert [(use.queued, use.waiters) for use in uses(recording(process))][:1] == [(Share(5, 5), 2.2)]


def test_what_the_holder_does_is_read_from_the_look_before_the_slow_one() -> None:
    """Slow looks are made a moment after the looks at the stacks: threads that take turns at accepting are told so."""
    accepting = ThreadLook(103, (user("serve", 103),), call=SystemCall("accept4", (3, 0, 0, 0)))
    seen = task_looks(*[{"waits": (lock(RED, GREEN),)}] * 5)
    later = tuple(replace(look, at_s=look.at_s + 0.004) for look in seen)
    turns = one_process(task_looks=later, samples=thread_samples(*[(*WAITING[:2], accepting)] * 100))

    assert uses(recording(turns))[0].holder_calls == ("accept4",)


def test_locks_made_anew_for_each_round_at_one_place_count_as_one_and_those_of_the_same_moment_do_not() -> None:
    """Two locks, each in two of four looks: in turn they make four of four; side by side they are two."""
    ask = user("catalogue", 20)
    samples = thread_samples(*[[ThreadLook(one.tid or 0, (ask,), call=FUTEX) for one in (RED, BLUE)]] * 100)
    first, second = (lock(RED), lock(BLUE)), (lock(RED, target=2), lock(BLUE, target=2))
    both = (lock(RED), lock(BLUE, target=2))
    in_turn = one_process(
        task_looks=task_looks(*({"waits": one} for one in (first, first, second, second))), samples=samples
    )
    at_once = one_process(task_looks=task_looks(*({"waits": one} for one in (both, both))), samples=samples)

    assert [(one.queued, one.waiters) for one in uses(recording(in_turn))] == [(Share(4, 4), 2.0)]
    assert [one.queued for one in uses(recording(at_once))] == [Share(2, 2), Share(2, 2)]


def awaiting(*pairs: tuple[int, int], through: str = "need") -> tuple[Task, ...]:
    """Tasks, each of which waits for the end of the next one named beside it."""
    names = sorted({one for pair in pairs for one in pair})
    awaited_by = {name: tuple(one for one, other in pairs if other == name) for name in names}
    return tuple(task(name, user(through, name), awaited_by=awaited_by[name]) for name in names)


def test_tasks_that_wait_for_each_others_end_are_a_circle() -> None:
    """Who waits for one of them from outside is not of it, nor what they wait for beside."""
    told = found(of(tasks=awaiting((7, 8), (8, 9), (9, 7), (6, 7), (8, 5))))

    assert [(one.kind, one.seen, one.lasted_s) for one in told] == [("cycle", Share(5, 5), 1.0)]
    assert {(one.name, one.waits_for) for one in told[0].members} == {
        ("task Task-7", "the end of task Task-8"),
        ("task Task-8", "the end of task Task-9"),
        ("task Task-9", "the end of task Task-7"),
    }


def errand(holder: Task) -> Recording:
    """A task has a lock and awaits what thread red does; red waits for a task that waits for that lock."""
    asks = task(2, library("acquire"), user("audit", 12))
    waits = (
        Wait(RED, "future", 7, "Future", (Party(task=2),)),
        Wait(Party(task=2), "task lock", 9, "Lock", (Party(task=1),)),
    )
    talks = (Conversation(RED, for_task=1),)
    seen = task_looks(*[{"waits": waits, "tasks": (holder, asks), "conversations": talks}] * 5)
    return recording(
        one_process(task_looks=seen, threads=(main_thread(), *THREADS), samples=thread_samples(*[WAITING] * 100))
    )


def test_a_task_that_awaits_a_thread_which_waits_for_the_tasks_own_lock_is_in_a_circle() -> None:
    circle = found(errand(task(1, user("save", 22))))

    assert [(one.kind, len(one.members), one.has_tasks) for one in circle] == [("cycle", 3, True)]
    assert "what thread red does for it" in {one.waits_for for one in circle[0].members}


def test_a_task_that_awaits_a_thread_with_a_limit_is_in_none() -> None:
    assert found(errand(task(1, library("wait_for"), user("save", 22)))) == []


def test_tasks_that_await_in_a_row_or_with_a_limit_are_none() -> None:
    assert found(of(tasks=awaiting((7, 8), (8, 9)))) == []
    assert found(of(tasks=awaiting((7, 8), (8, 7), through="wait_for"))) == []


def test_a_task_that_has_what_the_task_waits_for_that_it_awaits_is_in_a_circle() -> None:
    """It has the lock, and waits for the end of a task that wants it."""
    wants = lock(Party(task=8), Party(task=7), kind="task lock")

    told = found(of(wants, tasks=awaiting((7, 8))))

    assert [[(one.name, one.waits_for.split(",")[0]) for one in each.members] for each in told] == [
        [("task Task-8", "a _thread.lock that task Task-7 has"), ("task Task-7", "the end of task Task-8")]
    ]


def test_a_wait_for_a_task_lock_lasts_from_its_first_look_to_its_last() -> None:
    wants = lock(Party(task=8), Party(task=7), kind="task lock")

    use = uses(of(wants, tasks=(task(7, user("renew", 3)), task(8, user("token", 2)))))[0]

    assert (use.of_tasks, use.longest_s) == (True, 1.0)
    assert use.holder
    assert use.holder.function == "renew"


def test_one_task_that_waits_for_a_lock_again_and_again_waits_for_as_long_as_each_time() -> None:
    """Five looks: two at one wait, two at the next, and one at another task that was given the same address."""
    wants, holds = lock(Party(task=8), Party(task=7), kind="task lock"), task(7, user("renew", 3))
    token = (user("token", 2),)
    waiting = [*[task(8, *token, awaits=50)] * 2, *[task(8, *token, awaits=51)] * 2]
    other = replace(waiting[-1], name="Task-9")
    looks = task_looks(*[{"waits": (wants,), "tasks": (holds, one)} for one in (*waiting, other)])

    use = uses(recording(one_process(task_looks=looks, samples=thread_samples(*[WAITING] * 100))))[0]

    assert (use.queued, use.longest_s) == (Share(5, 5), 0.25)


def test_locks_of_a_process_in_a_standoff_are_not_told_again() -> None:
    assert uses(of(lock(RED, BLUE, target=1), lock(BLUE, RED, target=2), lock(GREEN, RED, target=2))) == ()


def test_a_circle_of_tasks_with_a_limit_in_one_of_them_is_none() -> None:
    """Two tasks that await each other; where one of them has a limit, both go on when it is reached."""
    one, other = task(1, user("price", 5), awaited_by=(2,)), task(2, user("stock", 9), awaited_by=(1,))

    assert [circle.kind for circle in found(of(tasks=(one, other)))] == ["cycle"]
    assert found(of(tasks=(replace(one, has_limit=True), other))) == []


def test_a_circle_of_task_locks_with_a_limit_is_told_with_it() -> None:
    first, second = Party(task=1), Party(task=2)
    tasks = (task(1, user("price", 5)), task(2, user("stock", 9)))
    waits = (lock(first, second, target=1, kind="task lock"), lock(second, first, target=2, kind="task lock"))

    limits = [
        found(of(*pair, tasks=tasks))[0].has_limit for pair in (waits, (replace(waits[0], has_limit=True), waits[1]))
    ]

    assert limits == [False, True]


def test_a_long_chain_of_tasks_is_no_circle_and_one_at_its_end_is_told_without_it() -> None:
    """Each is awaited by the next; asked one by one who leads back to himself this would take minutes."""
    chain = [task(number, user("step", 5), awaited_by=(number + 1,)) for number in range(1, 3000)]
    ends = [task(3000, user("price", 5), awaited_by=(3001,)), task(3001, user("stock", 9), awaited_by=(3000,))]

    assert found(of(tasks=(*chain, task(3000, user("price", 5))), looks=2)) == []
    (circle,) = found(of(tasks=(*chain, *ends), looks=2))
    assert [one.name for one in circle.members] == ["task Task-3001", "task Task-3000"]


def test_who_waits_for_what_lies_in_a_queue_that_nobody_serves() -> None:
    """The red thread's work lies there in five looks, the blue one's came for the last two."""
    old, new = ((party.tid, 70 + number) for number, party in enumerate((RED, BLUE)))
    unserved = Pool(9, "queue crew", "Queue", size=0, busy=0, queued=1, asking=(old,))
    served = replace(unserved, size=1, busy=1)
    both = replace(unserved, asking=(old, new))
    looks = [{"pools": (unserved,)}] * 3 + [{"pools": (both,)}] * 2

    (one,) = found(recording(one_process(task_looks=task_looks(*looks))))

    assert (one.kind, one.seen, len(one.members)) == ("unserved", Share(5, 5), 1)
    assert found(recording(one_process(task_looks=task_looks(*[{"pools": (served,)}] * 5)))) == []
