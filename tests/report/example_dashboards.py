"""A moment of a live view, built by hand."""

from __future__ import annotations

from spindoctor.model.frames import Frame
from spindoctor.model.live import Column, Dashboard, Gauges, Path, Row, Sheet

GAUGES = Gauges(
    pid=4242, command="python -m uvicorn app:app", python="3.12.3", machine_cores=2, allowed_cores=1.5,
    family_cores=1.02,
    processes=1, threads=3, gil_held=0.99, gil_wanted=1.5, loops=1, loop_late_s=0.25, tasks=18, tasks_read=18,
    looks=50, missed=2,
    own_cores=0.07, seconds=1.0,
)  # fmt: skip

SLOW = Path(0.75, "asleep in recvfrom", (Frame("[task handler]", "", 0), Frame("handler", "/srv/app.py", 41)))

THREADS = Sheet(
    "threads",
    (Column("thread"), Column("pid", "count"), Column("cores", "cores"), Column("idle", "share")),
    (
        Row("1/1", ("MainThread", 4242, 0.97, 0.03), 4242, (SLOW,), is_hot=True),
        Row("1/2", ("worker [red]<b>\x1b[31m", 4242, 0.05, 0.9), 4242),
        Row("1/3", ("another", 4243, 0.0, 1.0), 4243),
    ),
    2,
    "No look at a thread succeeded.",
)

LINES = Sheet(
    "lines",
    (Column("own CPU", "cores"), Column("function"), Column("place", "place")),
    (Row("a", (0.9, "handler", "/srv/" + "deep/" * 30 + "app.py:41"), 4242),),
    0,
    "Nothing ran.",
)

TASKS = Sheet("tasks", (Column("tasks", "count"), Column("there for", "seconds")), (), 0, "No task was seen.")

BOARD = Dashboard(GAUGES, (THREADS, LINES, TASKS), 10.0)
