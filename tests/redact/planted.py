"""A recording of a sick service, with something to hide in every place where a recording can hold it."""

from __future__ import annotations

from spindoctor.model.closeup import Values
from spindoctor.model.frames import Frame
from spindoctor.model.hot import HotLook, Match
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Machine, Neighbour, Process, Socket, Target
from spindoctor.model.recording import Candidate, ProcessRecording, Recording, SourceWindow, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import LoopLook, Missed, Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import Callback, Pool, Scope, Task, TaskLook

SECRETS = (
    "jdoe", "hunter2", "megacorp", "s3cr3t", "k8snode", "10.20.30.40", "fd12:3456", "alice", "4711471147", "AKIA",
    "orange-box", "payroll", "deadbeef", "wifepic",
)  # fmt: skip
"""Each is a part of something planted; none may be in anything that is written."""

HOME = "/home/jdoe/megacorp"
APP = f"{HOME}/shop/views.py"
VENV = f"{HOME}/shop/.venv/lib/python3.12/site-packages"
OUTER = "/mnt/payroll/megacorp/plugin.py"

HANDLER = Frame("slow_report", APP, 41)
PLUGIN = Frame("charge", OUTER, 7)
SLEEP = Frame("Connection.recv", f"{VENV}/driver/connection.py", 88)
RUN_ONCE = Frame(
    "BaseEventLoop._run_once", "/home/jdoe/.pyenv/versions/3.12.3/lib/python3.12/asyncio/base_events.py", 1
)
MADE = Frame("<module>", "<made for alice@megacorp.example>", 1)

SOURCE = (
    "    # the password of jdoe is hunter2",
    '    key = "AKIA123456789"',
    "    number = 4711471147",
    '    rows = connection.recv(\'alice\', f"{secrets["s3cr3t"]}")',
    '    """wifepic',
    "    alice",
    '    """',
)

PROCESS = Process(
    pid=100,
    start_ticks=1,
    started_at=0.0,
    parent_pid=1,
    name="megacorp-shop",
    command=(
        f"{HOME}/shop/.venv/bin/python", "-m", "views", "--port", "8000", "--password", "hunter2", "--token=s3cr3t",
        "-phunter2", "--dsn", "postgres://alice:hunter2@k8snode.megacorp.example/payroll", "orange-box",
        f"{HOME}/shop/run.py",
        "--pin", "4711", "alice@megacorp.example",
    ),
    executable="/home/jdoe/.pyenv/versions/3.12.3/bin/python3.12",
    cwd=f"{HOME}/shop",
    user="jdoe",
    python="3.12.3",
    environment=("MEGACORP_PAYROLL_KEY",),
    sys_path=(f"{HOME}/shop", VENV, "/mnt/payroll/megacorp"),
)  # fmt: skip

TASKS = (
    Task(1, "Task-1", "pending", "slow_report", 0xA0, HANDLER, (HANDLER,), "_asyncio.Future",
         route=Route("GET", "/reports/alice/4711471147?token=s3cr3t")),
    Task(2, "cart of alice@megacorp.example", "pending", "charge", 0xA0, PLUGIN, (PLUGIN,), "bare yield",
         route=Route("GET", "/pay/alice?x=s3cr3t", "/pay/{name}")),
)  # fmt: skip

SOCKETS = (
    Socket(11, "tcp", "10.20.30.40:8000", "10.20.30.41:5432", "CLOSE_WAIT"),
    Socket(12, "tcp6", "[fd12:3456::1]:8000", "[fd12:3456::2]:1234", "ESTABLISHED"),
    Socket(13, "unix", "/run/megacorp/payroll.sock", "", "LISTEN"),
    Socket(14, "tcp", "127.0.0.1:9000", "0.0.0.0:0", "LISTEN"),
)


def samples() -> tuple[Sample, ...]:
    """Three seconds in which the loop's thread mostly waits inside a handler."""
    waits = ThreadLook(100, (SLEEP, PLUGIN, HANDLER, RUN_ONCE), call=SystemCall("recvfrom", (7,)))
    other = ThreadLook(101, (Frame("charge", OUTER, 9), MADE), ran_ns=9_000_000, has_gil=True)
    loop = LoopLook(100, 0xA0, task=1, turn=1.0, callback=1, depth=3)
    return tuple(Sample(number / 100, (waits, other), (loop,)) for number in range(300))


def a_recording() -> Recording:
    """The recording."""
    descriptors = [
        Descriptor(20 + n, "socket", one.inode, f"socket:[{one.inode}]", one) for n, one in enumerate(SOCKETS)
    ]
    descriptors += [Descriptor(n, "file", n, f"{HOME}/uploads/wifepic-{n}.jpg") for n in range(30, 1020)]
    descriptors += [
        Descriptor(1, "file", 1, "/var/log/megacorp/payroll.log (deleted)"),
        Descriptor(2, "other", 2, "/dev/null"),
    ]
    hot = HotLook(1.0, 101, (Frame("charge", OUTER, 9),), (1,), ("MemoryError",), Match("(hunter2|alice+)+$", 30, 5))
    scope = Scope(5, "CancelScope", "CancelScope.deliver", is_cancelled=True, is_armed=True, host=TASKS[0], tasks=TASKS)
    looks = tuple(
        TaskLook(n / 5, TASKS, 2, (Callback("charge", OUTER, 9, 5, "Cart", 1, 0xA0, is_running=True),), (scope,),
                 (Pool(9, "executor", "alice-jobs", 2, 2, 5, (101,)),))
        for n in range(15)
    )  # fmt: skip
    process = ProcessRecording(
        pid=100,
        samples=samples(),
        missed=(Missed("a stack of /home/jdoe/megacorp changed", 2),),
        threads=(
            ThreadUse(100, "MainThread", "megacorp-shop", user_s=0.1, loop=0xA0, loop_type="_UnixSelectorEventLoop"),
            ThreadUse(101, "jobs of alice at k8snode.megacorp.example:5432", "orange-box", user_s=2.7),
            ThreadUse(102, "pymongo_monitor_10.20.30.40", "python"),
        ),
        user_s=2.8,
        task_looks=looks,
        hot_looks=(hot, hot),
        descriptors=tuple(descriptors),
        descriptor_limit=1024,
        epolls=(Epoll(100, 4, (EpollEntry(5, 1, 11),), ((101, 4),)),),
        packages=(("driver", "1.2"),),
        routes=((HANDLER, Route("GET", "/reports/alice/4711471147?token=s3cr3t")),),
        sources=(SourceWindow(APP, 41, 38, SOURCE), SourceWindow(OUTER, 7, 7, ("    return 'hunter2'",))),
        candidates=(Candidate("listens before it forks", "charge", OUTER, 3),),
        missing=(("packages", "cannot read '/home/jdoe/megacorp/x': api_key=AKIA99 at k8snode.megacorp.example"),),
        values=(Values(0, ("answer", "owner"), ("'alice'", "<Cart of jdoe>"), tid=101),),
        ended="Process 100 of jdoe ended: see https://alice:hunter2@megacorp.example/x",
    )
    return Recording(
        target=Target(leader=100, hot=100, processes=(PROCESS,), made_by="single", ports=(8000,)),
        machine=Machine(cores=2, affinity_cores=2, neighbours=(Neighbour(7, "payroll-cron", 0.5),)),
        seconds=3.0,
        rate_hz=100.0,
        processes=(process,),
        notes=("process 7 could not be looked at: mail jdoe@megacorp.example, deadbeefdeadbeef0123, 10.20.30.40:22",),
    )
