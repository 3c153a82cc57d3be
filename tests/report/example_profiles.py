"""A profile as the tests of its forms need it, built by hand."""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.frames import Frame
from spindoctor.model.profile import Lane, Profile, Spot, marker

HANDLER = Frame("orders", "/srv/app.py", 12)
QUERY = Frame("Cursor.execute", "/venv/lib/python3.12/site-packages/db.py", 40)
WORKER = Frame("pull;push", "/srv/</script>.py", 7)
TASK = marker("task run")

MAIN = Lane(
    pid=42,
    tid=42,
    name="MainThread",
    process="pid 42 (leader)",
    cpu_s=0.02,
    spots=(
        Spot(0.01, 0.01, "python", (TASK, HANDLER), 10_000_000, route="GET /orders", coroutine="run", task=7),
        Spot(0.02, 0.01, "python", (TASK, HANDLER, QUERY), 10_000_000, route="GET /orders", coroutine="run", task=7),
        Spot(0.03, 0.01, "call", (TASK, HANDLER, QUERY), route="GET /orders", task=7, detail="asleep in recvfrom"),
        Spot(0.04, 0.01, "idle", (), detail="asleep in epoll_wait"),
    ),
)
SIDE = Lane(
    pid=42,
    tid=43,
    name="worker <1>",
    process="pid 42 (leader)",
    cpu_s=0.0,
    spots=tuple(Spot(number / 100, 0.01, "gil", (WORKER,), detail="waits for the GIL") for number in range(1, 5)),
)
WAITING = Lane(
    pid=42,
    tid=None,
    name="tasks",
    process="pid 42 (leader)",
    cpu_s=0.0,
    spots=tuple(
        Spot(at_s, 0.02, "await", (TASK, HANDLER), route="GET /orders", coroutine="run", task=task)
        for at_s in (0.02, 0.04)
        for task in (8, 9)
    ),
)
PROFILE = Profile("pid 42 (app.py <b>)", 0.04, 100.0, 1_790_000_000.0, (MAIN, SIDE, WAITING), looks=4, missed=0)
EMPTY = replace(PROFILE, lanes=(), looks=0)
