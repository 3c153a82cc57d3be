"""The command as a process: exit codes, closed streams, and what an import costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from fake_session import RECORDING

from spindoctor import __version__, store
from spindoctor.rules import ALL_RULES

SCRIPT = Path(__file__).with_name("fake_session.py")
SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"
PLAIN = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}


def spin(scenario: str, *arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": PLAIN} | how
    command = [sys.executable, str(SCRIPT), scenario, *arguments]
    return subprocess.run(command, text=True, check=False, timeout=60, **settings)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    ("scenario", "arguments", "code"),
    [
        ("nothing", ["diagnose", "42"], 0),
        ("warning", ["diagnose", "42"], 1),
        ("nothing", ["diagnose", "--nonsense"], 2),
        ("no-process", ["diagnose", "42"], 2),
        ("no-permission", ["diagnose", "42"], 3),
        ("crash", ["--debug", "diagnose", "42"], 4),
        ("interrupted", ["diagnose", "42"], 130),
        ("ctrl-c", ["diagnose", "42"], 130),
        ("nothing", ["replay", "/nowhere"], 3),
        ("nothing", ["explain"], 0),
        ("nothing", ["completion", "bash"], 0),
        ("nothing", ["--help"], 0),
        ("nothing", [], 0),
    ],
)
def test_the_process_ends_with_the_documented_code(scenario: str, arguments: list[str], code: int) -> None:
    ended = spin(scenario, *arguments)

    assert ended.returncode == code, ended.stderr


def test_the_version_is_told_without_importing_a_command_line_library() -> None:
    script = "import sys; from spindoctor.cli import main; sys.argv = ['spindoctor', '--version']; main()"

    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script], capture_output=True, text=True, check=True
    )

    assert ended.stdout.startswith(f"spindoctor {__version__} (engine: ")
    assert "typer" not in ended.stderr


def test_help_imports_no_renderer_no_rule_and_no_session() -> None:
    """What `--help` may cost: the interpreter and the command line library."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "spindoctor", "--help"], capture_output=True, text=True, check=True
    )

    loaded = {line.rsplit("|", 1)[-1].strip() for line in ended.stderr.splitlines()}
    ours = {name for name in loaded if name.startswith("spindoctor.")}
    assert "rich" not in loaded
    assert "msgspec" not in loaded
    assert ours <= {
        "spindoctor.cli",
        "spindoctor.cli.app",
        "spindoctor.cli.endings",
        "spindoctor.cli.streams",
        "spindoctor.errors",
    }
    for name in ("diagnose", "dump", "record", "export", "replay", "explain", "completion"):
        assert f"  {name}" in ended.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    ended = spin("warning", "diagnose", "42", "--quiet", stdout=writer)

    os.close(writer)
    assert ended.stderr == ""
    assert ended.returncode == 1


def test_a_full_disk_behind_stdout_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        ended = spin("nothing", "diagnose", "42", "--quiet", stdout=full)

    assert ended.stderr == (
        "spindoctor: cannot write to stdout: No space left on device\n  try: write the report to a file: -o FILE\n"
    )
    assert ended.returncode == 3


def test_a_closed_stdout_is_said() -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" "{SCRIPT}" nothing diagnose 42 --quiet >&-'],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert ended.stderr.startswith("spindoctor: stdout is closed")
    assert ended.returncode == 3


def test_a_usage_error_that_nobody_reads_is_no_fault_of_ours() -> None:
    """As in `spindoctor diagnose --nonsense 2>&1 | head -0`."""
    reader, writer = os.pipe()
    os.close(reader)

    ended = spin("nothing", "diagnose", "--nonsense", stderr=writer)
    os.close(writer)

    assert ended.returncode == 2


def test_names_that_no_locale_can_write_are_escaped() -> None:
    ended = spin(
        "warning", "diagnose", "42", env=PLAIN | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )

    assert ended.returncode == 1
    assert ended.stdout.isascii()


@pytest.mark.parametrize(
    ("words", "start"), [(["replay", "--json"], "{"), (["export", "--format", "speedscope", "-q"], '{"$schema"')]
)
def test_a_dash_is_stdout(tmp_path: Path, words: list[str], start: str) -> None:
    path = tmp_path / "a.spinrec"
    store.save(RECORDING, path)

    ended = subprocess.run(
        [sys.executable, "-m", "spindoctor", *words, str(path), "-o", "-"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.stdout.startswith(start)
    assert ended.stderr == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_is_replayed_by_the_real_rules_without_its_target(tmp_path: Path) -> None:
    path = tmp_path / "a.spinrec"
    store.save(RECORDING, path)

    ended = subprocess.run(
        [sys.executable, "-m", "spindoctor", "replay", str(path), "--json"], capture_output=True, text=True, check=False
    )

    printed = json.loads(ended.stdout)
    jsonschema.validate(printed, json.loads(SCHEMA.read_text()))
    assert [one["slug"] for one in printed["outcomes"]] == [rule.slug for rule in ALL_RULES]
    assert {one["outcome"] for one in printed["outcomes"]} <= {"clear", "unsure"}
    assert ended.returncode == 3


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("spindoctor dia", "diagnose"),
        ("spindoctor lab run callback-storm/sl", "callback-storm/sleep-zero"),
        ("spindoctor lab run callback-storm --loop u", "uvloop"),
        ("spindoctor diagnose --fail-on w", "warning"),
        ("spindoctor record --format sp", "speedscope spinrec"),
        ("spindoctor completion z", "zsh"),
    ],
)
def test_the_shell_is_told_what_can_follow(typed: str, offered: str) -> None:
    place = str(len(typed.split()) - 1)
    asked = {"_SPINDOCTOR_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": place}

    ended = subprocess.run(
        [sys.executable, "-m", "spindoctor"], env=PLAIN | asked, capture_output=True, text=True, check=False
    )

    assert ended.stdout.split() == offered.split()
