"""What /proc says about a service: the truth that a verdict is measured against, found without our own tool."""

from __future__ import annotations

import http.client
import os
import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 2
PAUSE_S = 0.03  # often enough to meet a blocked loop, seldom enough to be no load
TICKS = os.sysconf("SC_CLK_TCK")
SWITCHES = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Thread:
    """The counters of one thread, since it started."""

    pid: int
    tid: int
    name: str
    user: int
    system: int
    voluntary: int
    involuntary: int


def family(pid: int) -> list[int]:
    """A process and all that descend from it, parents first."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(stat)
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found.extend(sorted(parents.get(each, [])))
    return found


def table(pids: list[int], seconds: float) -> str:
    """Per thread: share of a core in user and system mode, switches per second, over so many seconds."""
    before = _threads(pids)
    start = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - start
    after = _threads(pids)
    rows = [_row(before[key], after[key], elapsed) for key in before if key in after]
    return "\n".join(["    pid    tid name              user%  sys%  vol/s invol/s", *sorted(rows)])


def latency(port: int, path: str, seconds: float) -> str:
    """How long requests for a path take, one after the other for so many seconds; median and worst."""
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        if not _answers(port, path):
            return f"GET {path}: no answer within {PATIENCE_S} s"
        taken.append((time.monotonic() - start) * 1000)
        time.sleep(PAUSE_S)
    return f"GET {path}: median {statistics.median(taken):.1f} ms, worst {max(taken):.0f} ms of {len(taken)}"


def _answers(port: int, path: str) -> bool:
    """Whether an answer comes in time."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def _row(before: Thread, after: Thread, elapsed: float) -> str:
    """One line of the table."""
    user = (after.user - before.user) / TICKS / elapsed * 100
    system = (after.system - before.system) / TICKS / elapsed * 100
    voluntary = (after.voluntary - before.voluntary) / elapsed
    involuntary = (after.involuntary - before.involuntary) / elapsed
    return f"{after.pid:7} {after.tid:6} {after.name:16} {user:6.1f} {system:5.1f} {voluntary:6.0f} {involuntary:7.0f}"


def _threads(pids: list[int]) -> dict[tuple[int, int], Thread]:
    """The counters of all threads of these processes that can be read."""
    found = {}
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            fields = _fields(task / "stat")
            if fields:
                found[pid, int(task.name)] = _thread(pid, task, fields)
    return found


def _thread(pid: int, task: Path, fields: list[str]) -> Thread:
    """One thread's counters, from its stat fields (those after the name) and its status."""
    voluntary, involuntary = map(int, SWITCHES.findall((task / "status").read_text()))
    name = (task / "comm").read_text().strip()
    return Thread(pid, int(task.name), name, int(fields[11]), int(fields[12]), voluntary, involuntary)


def _fields(stat: Path) -> list[str]:
    """The fields of a stat file from the third on; empty if the process is gone."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return []
