"""Reports as the tests of the renderers need them, built by hand."""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.outcome import (
    Clear,
    Cleared,
    Cost,
    Culprit,
    Figure,
    Finding,
    Found,
    Look,
    ProcessLine,
    Report,
    Unsure,
    Upstream,
)
from spindoctor.model.process import Machine, Process, Target
from spindoctor.model.recording import Candidate, SourceWindow

STREAM = "/srv/app/stream.py"

PROCESS = Process(
    pid=4242,
    start_ticks=100,
    started_at=1_790_000_000.0,
    parent_pid=1,
    name="uvicorn",
    command=("/srv/venv/bin/python", "-m", "uvicorn", "app:app"),
    executable="/usr/bin/python3.12",
    cwd="/srv",
    user="www",
    python="3.12.3",
    environment=("HOME", "DATABASE_URL"),
    sys_path=("/srv",),
)

LOOK = Look(
    seconds=3.0,
    looks=298,
    missed=(("torn read", 2),),
    rate_hz=100.0,
    own_cpu_cores=0.05,
    incomplete_stacks=1,
    is_pinned=True,
    started_at=1_790_000_000.0,
)

SPIN = Finding(
    claim="A cancel scope delivers its cancellation again on every turn of the loop (297 of 298 looks).",
    severity="critical",
    confidence="high",
    cost=Cost(cores=0.99, loop_share=0.996),
    explains="the whole core that pid 4242 burns",
    culprit=Culprit(
        pid=4242,
        thread="MainThread",
        task="Task-17",
        function="events",
        file=STREAM,
        line=42,
        route="GET /events",
        library_frame="anyio/_backends/_asyncio.py:557 in CancelScope._deliver_cancellation",
    ),
    culprits=(Culprit(task="Task-18", function="events", file=STREAM, line=42),),
    evidence=(
        Figure("loop_never_sleeps", "the loop gave its selector no time", 0.996, "share", "298 looks at the loop"),
        Figure("cancel_requests", "cancellations asked of Task-17", 181_000, "", "Task.cancelling()"),
    ),
    against=("Task-17 is not done: it may end by itself",),
    fix=("Let the CancelledError out of the loop at line 42.",),
    now=("Save this look before a restart: spindoctor diagnose 4242 --save spin.spinrec",),
    would_change="the spin ends within a minute without a restart",
    candidates=(Candidate("yields inside a task group", "events", STREAM, 30),),
    upstream=(Upstream("anyio", "4.3.0", "4.4.1", "https://github.com/agronholm/anyio/issues/695", "one variant"),),
)

POOL = Finding(
    claim="All 6 threads of the default executor are busy and 31 calls queue.",
    severity="warning",
    confidence="medium",
    cost=Cost(waiting=31, delay_s=12.4),
    culprit=Culprit(pid=4242, function="report", file="/srv/app/sdk.py", line=7),
    explains="the requests that take more than 10 s",
)

CEILING = Finding(
    claim="One worker can use one core.",
    severity="info",
    confidence="high",
    cost=Cost(),
    culprit=Culprit(pid=4242),
)

SICK = Report(
    target=Target(leader=4242, hot=4242, processes=(PROCESS,), made_by="uvicorn", ports=(8000,)),
    machine=Machine(cores=2, affinity_cores=2, busy_cores=1.05, load_1min=1.2),
    look=LOOK,
    outcomes={
        "gil-contention": Clear("298 looks, 0 threads that waited for the GIL"),
        "pool-exhausted": Found((POOL,)),
        "single-core-ceiling": Found((CEILING,)),
        "undeliverable-cancellation": Found((SPIN,)),
        "forked-event-loop": Unsure("descriptors of pid 4242 could not be read; run with sudo"),
    },
    ranking=("undeliverable-cancellation", "pool-exhausted", "single-core-ceiling"),
    cleared=(Cleared("the GIL", "0 of 298 looks found a thread that waited for it"),),
    processes=(ProcessLine(4242, "leader", "uvicorn app:app", 1.01, "MainThread", 0.99, 23),),
    sources=(
        SourceWindow(
            STREAM, 42, 41, ("    while True:", "        await beat()", "    # end"), is_changed_since_start=True
        ),
    ),
    notes=("pid 4242 runs as another user",),
    questions=(("Since when?", "not known: the look began after it."),),
    titles={
        "undeliverable-cancellation": "A cancellation is delivered for ever",
        "pool-exhausted": "A pool is exhausted",
        "single-core-ceiling": "One process, one core",
    },
)

HEALTHY = replace(
    SICK,
    outcomes={"gil-contention": Clear("298 looks"), "forked-event-loop": Clear("1 process, 1 epoll")},
    ranking=(),
    processes=(ProcessLine(4242, "leader", "uvicorn app:app", 0.2, "MainThread", 0.19, 1),),
    sources=(),
    notes=(),
    questions=(),
)

BLIND = replace(
    HEALTHY,
    look=replace(LOOK, looks=0, missed=(("process is gone", 300),)),
    outcomes={"gil-contention": Unsure("no look succeeded")},
    cleared=(),
    processes=(),
)

EVERY = {"sick": SICK, "healthy": HEALTHY, "blind": BLIND}
