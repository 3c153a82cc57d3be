"""What the readers of other tools see in our files. They come from npm: `make test-formats`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from example_profiles import EMPTY, PROFILE

from spindoctor.model.profile import Profile
from spindoctor.report.profile import chrome, firefox, pprof, speedscope

pytestmark = pytest.mark.formats
Node = Callable[..., str]
FIREFOX = "node_modules/@firefox-devtools/profiler-cli/dist/profiler-cli.js"


def written(folder: Path, content: bytes, name: str) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize("profile", [PROFILE, EMPTY])
def test_speedscopes_own_schema_accepts_it(readers: Path, profile: Profile) -> None:
    schema = readers / "node_modules" / "speedscope" / "dist" / "release" / "file-format-schema.json"

    jsonschema.validate(json.loads(speedscope.render(profile)), json.loads(schema.read_text()))


def test_pprof_format_reads_stacks_values_and_labels(node: Node, tmp_path: Path) -> None:
    read = json.loads(node("read_pprof.mjs", written(tmp_path, pprof.render(PROFILE), "a.pb.gz")))

    assert read["types"] == [["looks", "count"], ["cpu", "nanoseconds"], ["time", "nanoseconds"]]
    assert (read["duration"], read["time"]) == (40_000_000, "1790000000000000000")
    second = read["samples"][1]
    assert second["stack"] == [
        ["Cursor.execute", "/venv/lib/python3.12/site-packages/db.py", 40],
        ["orders", "/srv/app.py", 12],
        ["[task run]", "", 0],
        ["[GET /orders]", "", 0],
    ]
    assert second["values"] == [1, 10_000_000, 10_000_000]
    assert second["labels"] == {
        "process": "pid 42 (leader)",
        "thread": "MainThread",
        "thread id": 42,
        "route": "GET /orders",
        "task": "run",
        "state": "on a CPU, has the GIL",
    }
    assert [sum(one["values"][kind] for one in read["samples"]) for kind in range(3)] == [12, 20_000_000, 160_000_000]


def test_pprof_format_reads_a_file_without_samples(node: Node, tmp_path: Path) -> None:
    assert json.loads(node("read_pprof.mjs", written(tmp_path, pprof.render(EMPTY), "a.pb.gz")))["samples"] == []


def test_chromes_trace_engine_nests_the_calls(node: Node, tmp_path: Path) -> None:
    read = json.loads(node("read_trace.mjs", written(tmp_path, chrome.render(PROFILE), "a.trace.json")))

    assert read["processes"] == [[42, "pid 42 (leader)"]]
    asleep = ["[asleep in recvfrom]", 20_000, 10_000, []]
    query = ["Cursor.execute", 10_000, 20_000, [asleep]]
    assert read["trees"]["MainThread"] == [
        ["[GET /orders]", 0, 30_000, [["[task run]", 0, 30_000, [["orders", 0, 30_000, [query]]]]]],
        ["[asleep in epoll_wait]", 30_000, 10_000, []],
    ]
    assert read["trees"]["worker <1>"] == [["pull;push", 0, 40_000, [["[waits for the GIL]", 0, 40_000, []]]]]
    assert read["tasks"] == [["run", 0, 40_000], ["run", 0, 40_000]]


@pytest.fixture
def opened(node: Node, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Asks Firefox's profiler about the example; it upgrades a profile to its own version first."""
    node(FIREFOX, "load", written(tmp_path, firefox.render(PROFILE), "a.firefox.json"))
    yield lambda *words: json.loads(node(FIREFOX, *words, "--json"))
    node(FIREFOX, "stop", "--all")


def test_firefoxs_profiler_knows_the_threads(opened: Callable[..., Any]) -> None:
    threads = opened("thread", "list")["threads"]

    assert {(one["name"], one["processName"], one["pid"]) for one in threads} == {
        ("MainThread", "pid 42 (leader)", "42"),
        ("worker <1>", "pid 42 (leader)", "42"),
        ("tasks", "pid 42 (leader)", "42"),
    }


def test_firefoxs_profiler_adds_up_the_calls(opened: Callable[..., Any]) -> None:
    tree = opened("thread", "samples-top-down")["regularCallTree"]

    found = {}
    open_nodes = [tree]
    while open_nodes:
        one = open_nodes.pop()
        found[one["name"]] = (one["totalSamples"], one["selfSamples"])
        open_nodes += one["children"]
    assert found["<root>"] == (40, 0)
    assert found["[GET /orders]"] == (30, 0)
    assert found["orders"] == (30, 10)
    assert found["Cursor.execute"] == (20, 10)
    assert found["[asleep in recvfrom]"] == (10, 10)
