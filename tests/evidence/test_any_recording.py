"""Whatever was recorded, evidence and judgement come to an answer; and a share keeps its bounds."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spindoctor.evidence import BUILDERS, gather
from spindoctor.evidence.suspects import suspects
from spindoctor.judging import judge, rank
from spindoctor.model.frames import Frame
from spindoctor.model.outcome import Clear, Found, Unsure
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Machine, Process, Socket, Target
from spindoctor.model.recording import Candidate, ProcessRecording, Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD, Callback, Pool, Scope, Task, TaskLook
from spindoctor.rules import ALL_RULES

FEW = st.integers(0, 3)
"""Small numbers meet each other: the same thread, task and object turn up again and again."""

SECONDS = st.floats(0, 10)
MAYBE = st.none() | FEW

frames = st.builds(
    Frame,
    st.sampled_from(["handler", "<module>", "to_thread", ""]),
    st.sampled_from(["/srv/app.py", "/usr/lib/python3.12/asyncio/tasks.py", "<string>", ""]),
    FEW,
)
stacks = st.lists(frames, max_size=4).map(tuple)
calls = st.none() | st.builds(
    SystemCall, st.sampled_from(["epoll_wait", "futex"]), st.lists(FEW, max_size=2).map(tuple)
)
thread_looks = st.builds(
    ThreadLook, FEW, stacks, st.integers(0, 20_000_000), calls, st.booleans(), st.booleans(), st.booleans()
)
loop_looks = st.builds(
    LoopLook,
    tid=FEW,
    loop=FEW,
    task=MAYBE,
    polls=st.booleans(),
    poll_timeout_s=st.none() | st.sampled_from([-1.0, 0.0, 0.5]),
    ready=MAYBE,
    overdue_s=st.none() | SECONDS,
    turn=st.none() | FEW.map(float),
    callback=MAYBE,
    holder=MAYBE,
    depth=st.integers(0, 6),
)
samples = st.builds(
    Sample,
    SECONDS,
    st.lists(thread_looks, max_size=3).map(tuple),
    st.lists(loop_looks, max_size=2).map(tuple),
    st.booleans(),
    st.integers(0, 1000),
)
routes = st.builds(Route, st.just("GET"), st.just("/a"), st.none() | st.just("/{a}"))
tasks = st.builds(
    Task,
    address=FEW,
    name=st.just("Task"),
    state=st.sampled_from(["pending", "finished", "cancelled"]),
    coroutine=st.just("work"),
    loop=FEW,
    defined=st.none() | frames,
    chain=stacks,
    waits_on=st.none() | st.sampled_from([BARE_YIELD, "Future"]),
    cancel_requests=st.none() | st.integers(0, 1000),
    route=st.none() | routes,
)
some_tasks = st.lists(tasks, max_size=3).map(tuple)
scopes = st.builds(
    Scope,
    FEW,
    st.just("Scope"),
    st.just("tick"),
    MAYBE.map(bool),
    host=st.none() | tasks,
    tasks=some_tasks,
)
callbacks = st.builds(
    Callback, st.just("tick"), st.just("/srv/app.py"), FEW, MAYBE, st.none(), MAYBE, MAYBE, st.booleans()
)
pools = st.builds(
    Pool, FEW, st.just("executor"), st.just("x"), FEW, FEW, FEW, st.lists(FEW, max_size=3).map(tuple), st.booleans()
)
task_looks = st.builds(
    TaskLook,
    SECONDS,
    some_tasks,
    FEW,
    st.lists(callbacks, max_size=3).map(tuple),
    st.lists(scopes, max_size=2).map(tuple),
    st.lists(pools, max_size=2).map(tuple),
)
sockets = st.builds(
    Socket, FEW, st.just("tcp"), st.just("a:1"), st.just("b:2"), st.sampled_from(["CLOSE_WAIT", "LISTEN"])
)
descriptors = st.builds(Descriptor, FEW, st.just("socket"), FEW, st.just(""), st.none() | sockets)
entries = st.builds(EpollEntry, FEW, FEW, FEW)
candidates = st.builds(
    Candidate, st.sampled_from(["yield-in-scope", "listen-before-fork"]), st.just("f"), st.just("/srv/app.py"), FEW
)


@st.composite
def processes(draw: st.DrawFn, pid: int) -> ProcessRecording:
    epoll = st.builds(
        Epoll,
        st.just(pid),
        FEW,
        st.lists(entries, max_size=3).map(tuple),
        st.lists(st.tuples(FEW, FEW), max_size=2).map(tuple),
    )
    uses = st.builds(ThreadUse, FEW, st.just("t"), st.just("t"), SECONDS, SECONDS, FEW, FEW, SECONDS, MAYBE, st.none())
    return ProcessRecording(
        pid=pid,
        samples=draw(st.lists(samples, max_size=4).map(tuple)),
        threads=draw(st.lists(uses, max_size=3, unique_by=lambda use: use.tid).map(tuple)),
        user_s=draw(SECONDS),
        task_looks=draw(st.lists(task_looks, max_size=3).map(tuple)),
        descriptors=draw(st.lists(descriptors, max_size=3).map(tuple)),
        epolls=draw(st.lists(epoll, max_size=2).map(tuple)),
        candidates=draw(st.lists(candidates, max_size=2).map(tuple)),
        has_gil=draw(st.booleans()),
        packages=(("anyio", "4.14.1"),),
    )


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    members = tuple(draw(processes(pid)) for pid in range(draw(st.integers(0, 2))))
    family = tuple(Process(one.pid, 1, 0.0, 1, "python", (), "", "", "www") for one in members)
    return Recording(Target(0, 0, family), Machine(2, 2), draw(st.sampled_from([0.0, 3.0])), 100.0, members)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make so large an example smaller takes minutes
)
@given(recordings())
def test_every_recording_gets_an_answer_from_every_rule(recording: Recording) -> None:
    facts = gather(recording)
    outcomes = judge(facts, ALL_RULES, {one.pid: dict(one.packages) for one in recording.processes})
    ranking = rank(outcomes)

    assert facts.keys() == BUILDERS.keys()
    assert list(outcomes) == [rule.slug for rule in ALL_RULES]
    assert {type(one) for one in outcomes.values()} <= {Found, Clear, Unsure}
    assert set(ranking) == {slug for slug, one in outcomes.items() if isinstance(one, Found)}
    assert all(one.figure for one in suspects(recording, facts))


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_between_its_bounds_and_these_between_zero_and_one(count: int, more: int) -> None:
    share = Share(count, count + more)

    assert 0.0 <= share.low <= share.ratio + 1e-12
    assert share.ratio - 1e-12 <= share.high <= 1.0


@given(st.integers(1, 200), st.integers(0, 200))
def test_more_looks_with_the_same_share_narrow_its_bounds(count: int, more: int) -> None:
    few, many = Share(count, count + more), Share(4 * count, 4 * (count + more))

    assert many.high - many.low < few.high - few.low


def test_shares_worked_out_by_hand() -> None:
    """Wilson: 12 of 12 is at least 12 / (12 + 1.96 squared) = 0.757; nothing counted allows everything."""
    assert round(Share(12, 12).low, 3) == 0.757
    assert round(Share(0, 12).high, 3) == 0.243
    assert (Share(0, 0).low, Share(0, 0).high, Share(0, 0).ratio) == (0.0, 1.0, 0.0)
    assert str(Share(29, 200)) == "29 of 200 looks"
