"""Pools that show by who waits for them: callers, and those who came the same way and got further."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recordings import library, one_process, recording, task, task_looks, thread_samples, user

from spindoctor.evidence.pools import pools
from spindoctor.evidence.work import Moment, Work
from spindoctor.model.conversations import Claim, Conversation
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import HUB, Pool, Task

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


def test_a_place_is_told_by_one_of_those_there_whose_request_is_known() -> None:
    """Two stand at one line; of the first the request is not known."""
    members = (*working(4, route=None), *working(5))

    (site,) = found(of((*waiting(1, 2, 3), *members), claims(1, 2, 3)))[0].holders

    assert (site.culprit.route, site.share) == ("GET /order", Share(8, 8))
    assert site.culprit.task == "Task-5"


def test_a_member_that_goes_from_hand_to_hand_is_held_by_each_for_himself() -> None:
    """One task serves a connection: its waits at one line are others in the second half, of two looks each."""
    first, second = (
        (*waiting(1, 2, 3), *(replace(one, awaits=future) for one in working(4, 5))) for future in (0xA0, 0xB0)
    )
    looks = [{"tasks": tasks, "claims": claims(1, 2, 3)} for tasks in (first, first, second, second)]

    use = found(recording(one_process(task_looks=task_looks(*looks))))[0]

    assert (use.held_s, use.waited_s) == (0.25, 0.75)


POOL = Path("/srv/pool.py")
LENDS = """
async def order(pool):
    member = await pool.acquire()
    try:
        return await member.ask()
    finally:
        pool.release(member)
"""
CONSUMES = """
async def order(pool):
    job = await pool.acquire()
    try:
        return await job.ask()
    except OSError:
        pool.release(job)
"""


NOT_DUE = """
async def order(pool):
    job = await pool.acquire()
    if job.due > now():
        pool.put_nowait(job)
    return await job.ask()
"""
HANDLES = """
async def order(self):
    job = await self.acquire()
    one = await prepare(job)
    return await self.handle(job)
"""


@pytest.mark.parametrize(
    ("source", "is_pool"),
    [(LENDS, True), (CONSUMES, False), (NOT_DUE, False), (HANDLES, False)],
    ids=["put back", "put back where it failed", "put back where it is not due", "handed on to a method of its own"],
)
def test_a_queue_of_the_users_own_is_a_pool_where_what_came_out_is_put_back(source: str, *, is_pool: bool) -> None:
    """Three stand in the method that gets it for `order`, two in what `order` does with it."""
    inner, ask = Frame("Pool.acquire", str(POOL), 40), Frame("order", str(POOL), 3)
    use = Frame("order", str(POOL), 5)
    tasks = (
        *(task(number, library("Queue.get"), inner, ask, route=GET) for number in (1, 2, 3)),
        *(task(number, library("sleep"), use, route=GET) for number in (4, 5)),
    )
    seen = one_process(
        task_looks=task_looks(*[{"tasks": tasks, "claims": claims(1, 2, 3, kind="members", size=None)}] * 4),
        functions=(SourceWindow(str(POOL), 2, 2, tuple(source.strip().splitlines())),),
    )

    uses = found(recording(seen))

    assert [(one.pool.queued, one.holding, one.holders[0].culprit.line) for one in uses] == (
        [(3, 2, 5)] if is_pool else []
    )


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


def test_a_task_at_the_address_of_one_that_has_ended_waits_for_itself() -> None:
    """Every request has a task of its own; in the last two looks none could be read."""
    looks = [
        {"tasks": (*(replace(one, name=f"{one.name}-{look}") for one in waiting(1, 2)), *working(4))}
        for look in range(3)
    ]
    gone = [{"tasks": working(4)}] * 2
    looks = [{**look, "claims": claims(1, 2)} for look in (*looks, *gone)]

    (use,) = found(recording(one_process(task_looks=task_looks(*looks))))

    assert use.waited_s == 0.0


def test_a_thread_that_has_run_since_waits_anew() -> None:
    """Four slow looks a quarter of a second apart; two threads wait all the time, one of them ran before the third."""
    process = one_process(task_looks=task_looks(*[{}] * 4))
    ran = {2: (0, 0, 0, 0), 3: (0, 0, 9, 0)}
    samples = tuple(
        Sample(number / 4, tuple(ThreadLook(tid, (user("ask", 20),), ran_ns=ran[tid][number]) for tid in ran))
        for number in range(4)
    )
    looks = [Work(Moment.of(replace(process, samples=samples), look, ())) for look in process.task_looks]

    stays = {tid: [work.standstill(Party(tid=tid)) for work in looks] for tid in ran}

    assert len(set(stays[2])) == 1
    assert [stays[3].index(one) for one in stays[3]] == [0, 0, 2, 2]


def test_a_way_that_leads_elsewhere_holds_nothing() -> None:
    """The others are at work in another function."""
    others = tuple(replace(one, chain=(user("report", 5),)) for one in working(4, 5))

    assert found(of((*waiting(1, 2, 3), *others), claims(1, 2, 3))) == ()


def test_callers_queue_for_members_that_were_not_given_back() -> None:
    """The pool says that both of its members are out, and nobody else is on the way of the three."""
    use = found(of(waiting(1, 2, 3), claims(1, 2, 3, taken=2)))[0]

    assert (use.pool.size, use.pool.queued, use.holding, use.holders) == (2, 3, 0, ())
    assert (use.waiters[0].line, use.held_s, use.waited_s) == (20, 0.0, 0.75)


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
    threads = [ThreadLook(tid, (library("checkout"),), call=SystemCall("futex")) for tid in (11, 12)]
    threads.append(ThreadLook(13, (library("execute"),), call=SystemCall("recvfrom")))
    talks = tuple(Conversation(Party(tid=tid), for_task=tid - 10) for tid in (11, 12, 13))
    asked = tuple(Claim(Party(tid=tid), 77, "pool", "Pool", 1) for tid in (11, 12))
    looks = task_looks(*[{"tasks": tasks, "claims": asked, "conversations": talks}] * 4)

    use = found(recording(one_process(samples=thread_samples(threads), task_looks=looks)))[0]

    assert (use.queued_most, use.holding, use.is_batch) == (2, 1, False)
    assert (use.holders[0].culprit.function, use.holders[0].culprit.line) == ("order", 21)


def test_those_who_passed_the_place_that_asked_are_further_wherever_they_stand_now() -> None:
    """The waiters stand in the pool's own method, two others in what the asking function has called."""
    label, method = user("label", 22), user("Printers.take", 9)
    waits = tuple(task(number, library("wait"), method, label, route=GET) for number in (1, 2))
    works = tuple(task(number, library("sleep"), user("draw", 40), label, route=GET) for number in (3, 4))
    asked = tuple(Claim(Party(task=number), 77, "queue", "Printers", by=label) for number in (1, 2))

    (use,) = found(of((*waits, *works), asked))

    assert (use.holding, use.pool.queued, use.holders[0].culprit.line, use.waiters[0].line) == (2, 2, 40, 9)


def test_who_stands_in_a_method_of_another_s_is_not_further() -> None:
    label, method = user("label", 22), user("Printers.take", 9)
    waits = tuple(task(number, library("wait"), method, label, route=GET) for number in (1, 2))
    idle = (task(3, library("wait"), method, user("other", 30), route=GET),)
    asked = tuple(Claim(Party(task=number), 77, "queue", "Printers", by=label) for number in (1, 2))

    assert found(of((*waits, *idle), asked)) == ()


ENTER = library("Semaphore.__enter__")


def threads(call: SystemCall | None, *stack: Frame) -> Recording:
    """Two threads that queue for a permit, and a third that stands here, in this call; all work for requests."""
    waits = (library("Semaphore.acquire"), ENTER, ASK)
    queue = [ThreadLook(tid, waits, call=SystemCall("futex", (7,))) for tid in (7, 8)]
    asked = tuple(Claim(Party(tid=tid), 77, "semaphore", "Semaphore", 1) for tid in (7, 8))
    looks = [(*queue, ThreadLook(9, stack, ran_ns=9, call=call))] * 80
    seen = task_looks(*[{"claims": asked}] * 4)
    return recording(one_process(task_looks=seen, samples=thread_samples(*looks), routes=((ASK, GET), (USE, GET))))


def test_a_thread_that_is_about_to_ask_has_not_got_it() -> None:
    """It stands at the line at which the others queue, or in the method that they wait in, and runs."""
    assert found(threads(None, ASK)) == ()
    assert found(threads(None, ENTER, ASK)) == ()


def test_a_thread_that_works_with_what_it_got_is_further() -> None:
    """At the next line, in a method of something else, or in a call of native code at the same line."""
    seen = (threads(None, USE), threads(None, library("read"), ASK), threads(SystemCall("recvfrom", (5,)), ASK))

    assert [found(one)[0].holding for one in seen] == [1, 1, 1]


DEEPER = (library("read"), user("query", 40), USE)
"""At work in a function of the user's own that the one who asked has called."""


def at(number: int, *chain: Frame) -> Task:
    return task(number, *chain, route=None)


def batch(*chains: tuple[Frame, ...]) -> tuple[PoolUse, ...]:
    """Three that wait for a permit in the user's function, and one at each of these places."""
    more = tuple(at(number, *chain) for number, chain in enumerate(chains, 4))
    return found(of((*waiting(1, 2, 3, route=None), *more), claims(1, 2, 3, kind="semaphore")))


def test_who_has_gone_on_into_a_function_of_his_own_holds_what_he_asked_for() -> None:
    assert [use.holding for use in batch(DEEPER, DEEPER)] == [2]


def test_who_stands_at_the_line_of_the_wait_has_not_gone_on() -> None:
    """Whether he waits already cannot be told: his stack ends there, or in the outer part of those that wait."""
    assert batch((ASK,), (library("acquire"), ASK)) == ()


def test_who_is_elsewhere_in_what_the_same_line_called_has_gone_on() -> None:
    """One line asks and uses, as that of an HTTP client does."""
    assert [use.holding for use in batch((library("read"), ASK))] == [1]


def test_a_context_manager_of_the_users_is_left_while_its_body_runs() -> None:
    """Callers wait in a generator that `with` runs; who has gone on is in the body, and the generator is suspended."""
    lease = (library("acquire"), user("lease", 8), library("__aenter__"), ASK)
    tasks = (*(at(number, *lease) for number in (1, 2, 3)), at(4, *DEEPER))

    use = found(of(tasks, claims(1, 2, 3, kind="semaphore")))[0]

    assert (use.pool.queued, use.holding) == (3, 1)


def test_a_pool_whose_members_are_all_out_keeps_callers_waiting_that_serve_no_request() -> None:
    """Plain threads that share two connections."""
    use = found(of((*waiting(1, 2, 3, route=None), *working(4, 5, route=None)), claims(1, 2, 3, taken=2)))[0]

    assert (use.pool.queued, use.holding, use.is_batch) == (3, 2, False)


def test_a_stay_ends_where_a_look_finds_the_caller_elsewhere() -> None:
    """Task 1 waits in looks 1 and 2, is at work in the third, and waits again in looks 4 to 6: 0.5 s at most."""
    waits = {"tasks": (*waiting(1, 2), *working(4)), "claims": claims(1, 2)}
    works = {"tasks": (*waiting(3, 4), *working(1)), "claims": claims(3, 4)}
    seen = recording(one_process(task_looks=task_looks(waits, waits, works, waits, waits, waits)))

    assert found(seen)[0].held_s == 0.5


TAKES = SourceWindow(
    "/srv/app.py",
    18,
    18,
    (
        "async def order(self):",
        "    key = 1",
        "    await self.slots.acquire()",
        "    await work()",
        "    self.slots.release()",
    ),
)
SIGNALS = SourceWindow("/srv/app.py", 18, 18, (*TAKES.lines[:3], "    await work()", "    self.others.release()"))


def permits(window: SourceWindow, *, empty: bool) -> Recording:
    """Three requests that wait for a permit in `order`, and nobody else."""
    asked = tuple(replace(one, is_empty=empty) for one in claims(1, 2, 3, kind="semaphore", size=None))
    seen = of(waiting(1, 2, 3), asked)
    return replace(seen, processes=(replace(seen.processes[0], functions=(window,)),))


def test_a_permit_that_is_given_back_where_it_was_taken_was_lost_on_another_way_out() -> None:
    """The function that asks for it releases it three lines further on."""
    use = found(permits(TAKES, empty=True))[0]

    assert (use.pool.queued, use.holding, use.waiters[0].line) == (3, 0, 20)


@pytest.mark.parametrize(("window", "empty"), [(SIGNALS, True), (TAKES, False)], ids=["a signal", "one is left"])
def test_a_permit_that_somebody_else_gives_is_a_signal(window: SourceWindow, empty: bool) -> None:  # noqa: FBT001
    assert found(permits(window, empty=empty)) == ()


BORROWS = SourceWindow(
    "/srv/app.py",
    18,
    18,
    (
        "async def order(self):",
        "    key = 1",
        "    device = await self.free.get()",
        "    await device.read()",
        "    self.free.put_nowait(device)",
    ),
)
ELSEWHERE = SourceWindow("/srv/app.py", 18, 18, (*BORROWS.lines[:4], "    self.done.put_nowait(device)"))
ANOTHER = SourceWindow("/srv/app.py", 18, 18, (*BORROWS.lines[:4], "    self.free.put_nowait(make())"))


def borrowed(window: SourceWindow, *tasks: Task) -> tuple[PoolUse, ...]:
    """Three tasks that wait for an item of a queue in `order`, and these others."""
    route = tasks[0].route if tasks else GET
    seen = of((*waiting(1, 2, 3, route=route), *tasks), claims(1, 2, 3, kind="members", size=None))
    return found(replace(seen, processes=(replace(seen.processes[0], functions=(window,)),)))


def test_a_queue_into_which_everybody_puts_back_what_he_took_is_a_pool() -> None:
    use = borrowed(BORROWS, *working(4, 5))[0]

    assert (use.pool.kind, use.pool.queued, use.holding, use.holders[0].culprit.line) == ("pool", 3, 2, 21)
    assert not use.is_batch


def test_a_pool_of_a_queue_bounds_a_batch_that_is_no_request() -> None:
    assert borrowed(BORROWS, *working(4, 5, route=None))[0].is_batch


def stocked(*lines: str) -> tuple[PoolUse, ...]:
    """Three tasks that wait at line 20 of `order` for something of an object's own, and two that have it."""
    tasks = (*waiting(1, 2, 3, route=None), *working(4, 5, route=None))
    seen = of(tasks, claims(1, 2, 3, kind="queue", size=None))
    window = SourceWindow("/srv/app.py", 18, 18, lines)
    return found(replace(seen, processes=(replace(seen.processes[0], functions=(window,)),)))


ENDS = ("    await one.read()", "    self.free.append(one)")
LOOP = ("    while not self.free:", "        await self.changed.wait()", "    one = self.free.popleft()")


@pytest.mark.parametrize(
    "wait",
    [
        LOOP,
        (
            "    async with self.changed:",
            "        await self.changed.wait_for(lambda: self.free)",
            "        one = self.free.popleft()",
        ),
    ],
    ids=["a loop around the wait", "wait_for"],
)
def test_who_waits_until_an_object_has_something_that_he_puts_back_asks_a_pool(wait: tuple[str, ...]) -> None:
    use = stocked("async def order(self):", *wait, *ENDS)[0]

    assert (use.pool.kind, use.pool.queued, use.holding) == ("pool", 3, 2)


@pytest.mark.parametrize(
    "lines",
    [
        (*LOOP, ENDS[0], "    self.done.append(one)"),
        (*LOOP, ENDS[0], "    if one.failed:", "        self.free.append(one)"),
        (*LOOP, "    return one"),
        (
            "    while self.free:",
            "        await self.news.get()",
            "        one = self.free.popleft()",
            "        self.free.append(one)",
        ),
    ],
    ids=["handed on", "only what failed", "kept", "waits for something else in each turn"],
)
def test_who_takes_out_what_he_does_not_put_back_is_a_consumer(lines: tuple[str, ...]) -> None:
    assert stocked("async def order(self):", *lines) == ()


def test_members_that_never_come_back_to_their_queue_keep_callers_waiting() -> None:
    """Nobody is met who has one: an exception left the function between taking and putting back."""
    use = borrowed(BORROWS)[0]

    assert (use.pool.queued, use.holding, use.waiters[0].line) == (3, 0, 20)


@pytest.mark.parametrize("window", [ELSEWHERE, ANOTHER], ids=["into another queue", "another item"])
def test_a_queue_of_work_is_no_pool_though_others_have_got_some(window: SourceWindow) -> None:
    assert borrowed(window, *working(4, 5)) == ()


LEASE = user("lease", 5)
"""A function of the user's that asks for a member and returns it: it is on no stack while somebody works with one."""


def asks(*numbers: int) -> tuple[Task, ...]:
    return tuple(task(number, library("acquire"), LEASE, ASK, route=GET) for number in numbers)


def in_turn(*turns: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[PoolUse, ...]:
    """Looks at requests that ask for a member in a function that returns it, and at others that work with one."""
    looks = [
        {
            "tasks": (*asks(*queue), *(task(one, library("read"), user("query", 40), route=GET) for one in works)),
            "claims": claims(*queue, taken=2),
        }
        for queue, works in turns
    ]
    return found(recording(one_process(task_looks=task_looks(*looks))))


def test_who_queued_a_moment_ago_and_is_elsewhere_now_holds_a_member() -> None:
    """Requests 3 and 4 get the members after the first look, 5 after the second, 6 after the third."""
    use = in_turn(((3, 4, 5, 6), (1, 2)), ((5, 6, 7), (3, 4)), ((6, 7, 8), (4, 5)), ((7, 8, 9), (5, 6)))[0]

    assert (use.pool.queued, use.holding) == (3, 1)
    assert (use.holders[0].culprit.function, use.holders[0].share) == ("query", Share(4, 4))


def test_where_nobody_leaves_the_queue_the_members_were_not_given_back() -> None:
    """Others work beside them all the time, and never asked."""
    assert [use.holding for use in in_turn(*[((3, 4, 5), (1, 2))] * 4)] == [0]


def limiter(*waiters: int, tids: tuple[int, ...] = ()) -> Pool:
    return Pool(77, "limiter", "CapacityLimiter", 2, 2, len(waiters), tids, waiters=waiters)


def test_who_holds_the_token_of_a_limiter_that_has_no_threads_is_further() -> None:
    """Three wait in `async with`, two are at work at the next line."""
    look = {"tasks": (*waiting(1, 2, 3), *working(4, 5)), "pools": (limiter(1, 2, 3),)}

    (use,) = found(recording(one_process(task_looks=task_looks(*[look] * 4))))

    assert (use.pool.kind, use.pool.size, use.pool.queued, use.holding, use.waiting_tasks) == ("limiter", 2, 3, 2, 3)
    assert (use.holders[0].culprit.line, use.waiters[0].line) == (21, 20)


def test_a_limiter_of_threads_is_told_by_its_threads() -> None:
    look = {"tasks": (*waiting(1, 2, 3), *working(4, 5)), "pools": (limiter(1, 2, 3, tids=(11,)),)}

    (use,) = found(recording(one_process(task_looks=task_looks(*[look] * 4))))

    assert (use.holding, use.waiting_tasks) == (None, 3)


WITHIN = SourceWindow(
    "/srv/app.py",
    18,
    18,
    ("async def order(pool):", "    await check()", "    async with pool:", "        await use()", "    await mail()"),
)
"""`order`, in which line 20 asks, line 21 has what it asked for, and line 22 has given it back."""


def test_who_has_left_the_body_of_the_with_holds_nothing_any_more() -> None:
    tasks = (*waiting(1, 2, 3), *working(4), task(5, library("send"), user("order", 22), route=GET))
    looks = task_looks(*[{"tasks": tasks, "claims": claims(1, 2, 3)}] * 4)

    (use,) = found(recording(one_process(task_looks=looks, functions=(WITHIN,))))

    assert (use.holding, {site.culprit.line for site in use.holders}) == (1, {21})
    assert found(recording(one_process(task_looks=looks)))[0].holding == 2  # where the source is not known


def test_who_is_still_on_his_way_to_the_with_holds_nothing_yet() -> None:
    tasks = (*waiting(1, 2, 3), task(5, library("send"), user("order", 19), route=GET))
    looks = task_looks(*[{"tasks": tasks, "claims": claims(1, 2, 3)}] * 4)

    assert found(recording(one_process(task_looks=looks, functions=(WITHIN,)))) == ()


def test_who_queued_a_moment_ago_and_has_left_the_body_already_holds_nothing() -> None:
    done = task(4, library("send"), user("order", 22), route=GET)
    first = {"tasks": waiting(1, 2, 3, 4), "claims": claims(1, 2, 3, 4)}
    later = {"tasks": (*waiting(1, 2, 3), done), "claims": claims(1, 2, 3)}

    assert found(recording(one_process(task_looks=task_looks(first, later), functions=(WITHIN,)))) == ()


def test_greenlets_at_the_head_of_a_with_wait_for_what_others_have_in_its_body() -> None:
    """Three stand at `with`, where code in C shows no frame; two are in the body; of one the body shows no head."""
    source = SourceWindow("/srv/app.py", 19, 19, ("def order():", "    with permits:", "        return ask()"))
    heads = [replace(task(number, ASK, route=GET), waits_on=HUB) for number in (1, 2, 3)]
    bodies = [replace(one, waits_on=HUB) for one in working(4, 5)]
    process = one_process(task_looks=task_looks(*[{"tasks": (*heads, *bodies)}] * 4), functions=(source,))

    use = found(recording(process))[0]
    plain = found(recording(replace(process, functions=())))

    assert (use.pool.kind, use.pool.queued, use.holding, use.full) == ("semaphore", 3, 2, Share(4, 4))
    assert (use.holders[0].culprit.line, use.waiters[0].line) == (21, 20)
    assert plain == ()


def test_a_greenlet_that_waits_in_c_beneath_where_others_still_ask_has_what_it_asked_for() -> None:
    """All are inside of the pool's `apply`; three are in what it calls first, two wait for what they were given."""
    apply, spawn = library("apply", 160), library("spawn", 550)
    asking = [replace(task(number, spawn, apply, ASK, route=GET), waits_on=HUB) for number in (1, 2, 3)]
    given = [replace(task(number, apply, ASK, route=GET), waits_on=HUB) for number in (4, 5)]

    use = found(of((*asking, *given), claims(1, 2, 3, 4, 5)))[0]
    tasks = tuple(replace(one, waits_on=None) for one in (*asking, *given))

    assert (use.pool.queued, use.holding, use.full) == (3, 2, Share(4, 4))
    assert found(of(tasks, claims(1, 2, 3, 4, 5))) == ()


def behind(*pairs: tuple[int, int]) -> tuple[Task, ...]:
    """Tasks that ask, each awaited by another one."""
    return tuple(replace(waiting(child)[0], route=None, awaited_by=(parent,)) for child, parent in pairs)


def test_members_that_wait_for_callers_behind_them_wait_for_ever() -> None:
    asked = (*waiting(1), *behind((2, 4), (3, 5)))

    (use,) = found(of((*asked, *working(4, 5)), claims(1, 2, 3)))

    assert use.waits_for_itself


@pytest.mark.parametrize(
    "tasks",
    [
        (*waiting(1), *behind((2, 4)), *waiting(3), *working(4, 5)),
        (*waiting(1), *behind((2, 4), (3, 5)), *working(4), replace(working(5)[0], has_limit=True)),
        (*waiting(1), *behind((2, 4), (3, 5)), *working(4), task(5, library("wait_for"), USE, route=GET)),
    ],
    ids=["one is at work", "a limit", "another limit"],
)
def test_one_member_that_may_go_on_is_enough(tasks: tuple[Task, ...]) -> None:
    (use,) = found(of(tasks, claims(1, 2, 3)))

    assert not use.waits_for_itself


def test_where_a_caller_is_served_it_goes_on() -> None:
    both = behind((2, 4), (3, 5))
    looks = [
        {
            "tasks": (*waiting(1), *(replace(one, awaits=number) for one in both), *working(4, 5)),
            "claims": claims(1, 2, 3),
        }
        for number in (10, 10, 20, 20)
    ]

    (use,) = found(recording(one_process(task_looks=task_looks(*looks))))

    assert not use.waits_for_itself
