"""A dump as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from example_reports import PROCESS, STREAM

from spindoctor.model.dump import Dump, ProcessDump, Tasks, ThreadDump, Threads
from spindoctor.model.frames import Frame
from spindoctor.model.recording import SourceWindow
from spindoctor.model.routes import Route
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task
from spindoctor.report import dump, dump_json

SITE = "/srv/venv/lib/python3.12/site-packages"
EVENTS = Frame("events", STREAM, 42)
ROW = tuple(Frame(f"step{number}", f"{SITE}/lib/web.py", number) for number in range(1, 6))
MAIN = ThreadDump(
    tid=4242,
    name="MainThread",
    state="python",
    doing="has the GIL",
    waits_on="",
    cores=0.98,
    on_cpu=Share(96, 100),
    stack=(EVENTS, *ROW),
    is_loop=True,
    task="Task-17",
    route="GET /events",
    locals=((("beat", "<Beat at 0x1>"), ("token", "***")),),
)
IDLE = tuple(
    ThreadDump(
        tid=tid,
        name=f"pool_{tid}",
        state="call",
        doing="in poll",
        waits_on=f"descriptor {tid}",
        cores=0.0,
        on_cpu=Share(0, 100),
        stack=(),
        still_s=0.99,
        is_still_all_along=True,
    )
    for tid in range(1, 10)
)
PARENT = Task(1, "Task-1", "pending", "serve", 9, chain=(EVENTS,), waits_on="_asyncio.Future", route=Route("GET", "/a"))
CHILD = Task(2, "Task-2", "pending", "beat", 9, chain=(EVENTS,), must_cancel=True)
TREE = Tasks(
    (PARENT, replace(PARENT, name="Task-3", address=3)),
    awaited=(Tasks((CHILD,), seen=Share(1, 5)), Tasks((CHILD,), is_again=True)),
    seen=Share(5, 5),
    since_s=0.8,
)
WINDOW = SourceWindow(STREAM, 42, 41, ("    while True:", "        await beat()"), is_changed_since_start=True)
DUMP = Dump(
    processes=(ProcessDump(PROCESS, 0.98, (Threads((MAIN,)), Threads(IDLE)), (TREE,), 5, sources=(WINDOW,)),),
    seconds=1.0,
    looks=100,
    missed=2,
    others=(4243,),
    notes=("one process could not be read",),
)


def test_a_dump_reads_like_this() -> None:
    assert dump.render(DUMP) == (
        """pid 4242 (python -m uvicorn app:app), Python 3.12.3, leader
  0.98 cores, 10 threads, 5 tasks

Threads, the innermost call first

MainThread (4242), event loop: has the GIL
  runs task Task-17; works for GET /events; 0.98 cores over the look; on a CPU
    in 96 of 100 looks; moves
    events (/srv/app/stream.py:42)
        [changed after the process started]
        await beat()
          beat = <Beat at 0x1>
          token = ***
    step1 (lib/web.py:1)
    ... 3 frames of libraries (--full shows all)
    step5 (lib/web.py:5)

9 threads, pool_1 (1), pool_2 (2), pool_3 (3), pool_4 (4), pool_5 (5), pool_6
  (6), and 3 more (--json has all): in poll on descriptor 1; descriptor 2;
  descriptor 3; and 6 more (--json has all)
  has not moved in all 100 looks (990 ms)
    no Python code in this thread

Tasks, each below what awaits it, the outermost call first

2 tasks, Task-1, Task-3: serve  [GET /a]
  waits on _asyncio.Future; the longest of them at this await in 5 of 5 looks
    (800 ms)
    events (/srv/app/stream.py:42)
        [changed after the process started]
        await beat()
  + Task-2: beat
    a cancellation is on its way to it
      events (/srv/app/stream.py:42)
          [changed after the process started]
          await beat()
  + Task-2: beat
    stands above already: more than one task awaits it
  and 2 more tasks, not read: ended meanwhile, or there are too many

also in this service: pid 4243 (--family shows all)
note: one process could not be read
100 looks in 1.0 s, 2 missed; what stands above is their end
nothing written to the target, never stopped
"""
    )


def test_full_leaves_no_frame_out() -> None:
    text = dump.render(DUMP, is_full=True)

    assert f"step3 ({SITE}/lib/web.py:3)" in text.replace("\n      ", " ")
    assert "frames of libraries" not in text


@pytest.mark.parametrize(("shown", "hidden"), [("threads", "Task-3"), ("tasks", "MainThread")])
def test_one_part_can_be_left_out(shown: str, hidden: str) -> None:
    text = dump.render(DUMP, with_threads=shown == "threads", with_tasks=shown == "tasks")

    assert hidden not in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_keep_to_the_width_but_for_paths(width: int) -> None:
    lines = dump.render(DUMP, width=width).splitlines()

    assert all(len(line) <= width for line in lines if "/" not in line)


def test_styles_come_only_with_color() -> None:
    assert "\x1b[" in dump.render(DUMP, color=True)
    assert "\x1b[" not in dump.render(DUMP)


def test_names_from_the_target_cannot_steer_the_terminal() -> None:
    evil = replace(MAIN, name="\x1b[2Jx", stack=(Frame("f\nf", "/a\x07", 1),))
    found = replace(DUMP, processes=(replace(DUMP.processes[0], threads=(Threads((evil,)),)),))

    text = dump.render(found)

    assert "\x1b" not in text
    assert "\x07" not in text
    assert text.isascii()


def test_json_folds_nothing() -> None:
    (process,) = json.loads(dump_json.render(DUMP))["processes"]

    assert [one["tid"] for one in process["threads"]] == [4242, *range(1, 10)]
    assert [one["name"] for one in process["tasks"]] == ["Task-1", "Task-3"]
    assert process["tasks"][0]["awaits"][1] == {"name": "Task-2", "address": 2, "is_again": True}
    assert process["threads"][0]["stack"][0] == {
        "function": "events",
        "file": STREAM,
        "line": 42,
        "is_user": True,
        "source": "        await beat()",
        "is_changed_since_start": True,
        "locals": {"beat": "<Beat at 0x1>", "token": "***"},
    }


def test_json_has_no_part_that_was_not_asked_for() -> None:
    (process,) = json.loads(dump_json.render(DUMP, with_tasks=False))["processes"]

    assert process["tasks"] is None
    assert process["threads"]
