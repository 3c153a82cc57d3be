"""What each command line prints where, and with which exit code."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ended import Ended
from fake_session import LOOK, RECORDING, FakeLive, FakeSession, a_report

from spindoctor import __version__, store
from spindoctor.cli.app import COMMANDS
from spindoctor.cli.endings import failed
from spindoctor.errors import DoctorError
from spindoctor.model import endings
from spindoctor.model.live import Dashboard
from spindoctor.model.outcome import Unsure
from spindoctor.rules import ALL_RULES

Spin = Callable[..., Ended]


def test_diagnose_prints_the_report_on_stdout_and_progress_on_stderr(spin: Spin) -> None:
    ended = spin("diagnose", "42")

    assert ended.out.startswith("pid 42 (python app.py), Python 3.12.3: no fault found by 1 check")
    assert ended.err == "spindoctor: pid 42: looking\n"
    assert ended.code == 0


def test_without_a_command_the_host_is_shown(spin: Spin) -> None:
    ended = spin()

    assert ended.out.startswith("no Python service in sight among 7 processes\n")
    assert (ended.code, ended.err) == (0, "")


def test_quiet_says_nothing_on_stderr(spin: Spin, tmp_path: Path) -> None:
    assert spin("diagnose", "42", "--quiet", "--save", str(tmp_path / "a")).err == ""


def test_diagnose_passes_on_what_it_was_asked(spin: Spin, session: FakeSession) -> None:
    spin("diagnose", "--port", "8000", "--seconds", "1.5", "--rate", "50")

    assert session.asked == [(None, 8000, None), (42, 1.5, 50.0)]


def test_diagnose_looks_three_seconds_at_a_hundred_looks_a_second(spin: Spin, session: FakeSession) -> None:
    spin("diagnose")

    assert session.asked == [(None, None, None), (42, 3.0, 100.0)]


def test_json_is_json_and_nothing_else(spin: Spin, session: FakeSession) -> None:
    session.report = a_report("critical")

    printed = json.loads(spin("diagnose", "42", "--json").out)

    assert printed["ranking"] == ["callback-storm"]


def test_markdown_is_markdown(spin: Spin) -> None:
    assert spin("diagnose", "42", "--markdown").out.startswith("# pid 42 ")


def test_a_report_in_a_file_leaves_stdout_empty(spin: Spin, tmp_path: Path) -> None:
    ended = spin("diagnose", "42", "--json", "-o", str(tmp_path / "report.json"))

    assert ended.out == ""
    assert json.loads((tmp_path / "report.json").read_text())["format"] == 1


def test_a_saved_look_is_replayed_to_the_same_report(spin: Spin, tmp_path: Path) -> None:
    path = str(tmp_path / "a.spinrec")

    looked = spin("diagnose", "42", "--save", path)
    replayed = spin("replay", path)

    assert replayed.out == looked.out
    assert f"spindoctor: saved {path} (" in looked.err
    assert replayed.err == ""
    assert replayed.code == 0


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        ("critical", "critical", 1),
        ("critical", "never", 0),
        ("warning", "critical", 0),
        ("warning", "warning", 1),
        ("warning", "info", 1),
        ("info", "warning", 0),
        ("info", "info", 1),
        (None, "info", 0),
    ],
)
def test_the_exit_code_follows_the_severity(
    spin: Spin, session: FakeSession, severity: str | None, fail_on: str, code: int
) -> None:
    session.report = a_report(severity)  # type: ignore[arg-type]

    assert spin("diagnose", "42", "--fail-on", fail_on).code == code


def test_a_warning_makes_the_exit_code_one_by_default(spin: Spin, session: FakeSession) -> None:
    session.report = a_report("warning")

    assert spin("diagnose", "42").code == 1


def test_an_interrupted_look_is_reported_with_its_own_code(spin: Spin, session: FakeSession) -> None:
    session.report = replace(a_report("warning"), look=replace(LOOK, is_interrupted=True))

    ended = spin("diagnose", "42")

    assert "(interrupted after 3.0 s)" in ended.out.replace("\n", " ")
    assert ended.code == 130


def test_no_look_at_all_is_no_success(spin: Spin, session: FakeSession) -> None:
    session.report = replace(a_report(), look=replace(LOOK, looks=0))

    assert spin("diagnose", "42").code == 3


def test_an_interrupt_before_anything_was_seen_ends_with_130(spin: Spin, session: FakeSession) -> None:
    session.error = KeyboardInterrupt()

    ended = spin("diagnose", "42")

    assert (ended.code, ended.out) == (130, "")


def test_a_failure_is_a_sentence_and_a_hint(spin: Spin, session: FakeSession) -> None:
    session.error = DoctorError("pid 42 belongs to another user", "sudo spindoctor diagnose 42")

    ended = spin("diagnose", "42", "--quiet")

    assert ended.err == "spindoctor: pid 42 belongs to another user\n  try: sudo spindoctor diagnose 42\n"
    assert ended.out == ""
    assert ended.code == 3


def test_a_fault_of_ours_is_kept_in_a_file_with_an_apology(
    spin: Spin, session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    session.error = ZeroDivisionError("a fault of ours")

    ended = spin("diagnose", "42", "--quiet")

    (kept,) = tmp_path.iterdir()
    assert ended.code == 4
    assert "Traceback" not in ended.err
    assert str(kept) in ended.err
    assert kept.read_text().startswith(f"spindoctor {__version__}, Python ")
    assert "ZeroDivisionError: a fault of ours" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_debug_shows_the_traceback(spin: Spin, session: FakeSession) -> None:
    session.error = ZeroDivisionError("a fault of ours")

    ended = spin("--debug", "diagnose", "42")

    assert "ZeroDivisionError: a fault of ours" in ended.err
    assert ended.code == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diagnose", "42", "--port", "80"], "PID, --port and --name exclude each other"),
        (["diagnose", "--name", ""], "an empty --name fits every process"),
        (["diagnose", "42", "--json", "--markdown"], "--json and --markdown exclude each other"),
        (["diagnose", "--sekonds", "3"], "No such option: --sekonds"),
        (["diagnose", "0"], "'PID'"),
        (["diagnose", "me"], "'PID'"),
        (["diagnose", "--seconds", "0"], "'--seconds': 0 is not from 0.1 to 3,600 seconds"),
        (["diagnose", "--seconds", "nan"], "'--seconds': nan is not from 0.1 to 3,600 seconds"),
        (["diagnose", "--seconds", "soon"], "'--seconds': soon is not from 0.1 to 3,600 seconds"),
        (["--json", "diagnose", "42"], "--json goes behind the command: spindoctor diagnose --json"),
        (["bundle", "a.spinrec"], "Missing option"),
        (["diagnose", "--rate", "100000"], "'--rate'"),
        (["diagnose", "--fail-on", "error"], "'--fail-on'"),
        (["replay"], "Missing argument 'REC'"),
        (["dianose"], "dianose"),
        (["completion", "tcsh"], "tcsh"),
        (["explain", "callback-strom"], "try: spindoctor explain callback-storm"),
        (["lab", "run", "callback-strom"], "try: spindoctor lab run callback-storm"),
        (["lab", "run", "callback-storm", "--loop", "trio"], "trio is none of asyncio and uvloop"),
        (["lab", "run", "callback-storm", "--python", "2.7"], "2.7 is none of 3.8, 3.9"),
        (["explain", "x"], "try: spindoctor explain, for a list"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_what_is_wrong(
    spin: Spin, session: FakeSession, arguments: list[str], words: str
) -> None:
    ended = spin(*arguments)

    assert words in ended.err
    assert ended.out == ""
    assert ended.code == 2
    assert session.asked == []


@pytest.mark.parametrize(("one", "other"), [("--save", "-o"), ("--html", "-o"), ("--save", "--html")])
def test_two_outputs_of_one_name_are_wrong_usage_before_the_look(
    spin: Spin, session: FakeSession, tmp_path: Path, one: str, other: str
) -> None:
    ended = spin("diagnose", "42", one, str(tmp_path / "same"), other, str(tmp_path / "x" / ".." / "same"))

    assert ended.code == 2
    assert "is named twice" in ended.err
    assert session.asked == []
    assert not (tmp_path / "same").exists()


def test_a_recording_is_not_written_over_by_its_own_report(spin: Spin, tmp_path: Path) -> None:
    path = tmp_path / "a.spinrec"
    store.save(RECORDING, path)
    before = path.read_bytes()

    codes = [
        spin("replay", str(path), "-o", str(path)).code,
        spin("dump", str(path), "-o", str(path)).code,
        spin("bundle", str(path), "-o", str(path)).code,
        spin("export", str(path), "-o", str(path), "--format", "folded").code,
    ]

    assert codes == [2, 2, 2, 2]
    assert path.read_bytes() == before


@pytest.mark.parametrize("option", ["--save", "-o", "--html"])
def test_an_empty_name_is_no_file(spin: Spin, session: FakeSession, option: str) -> None:
    ended = spin("diagnose", "42", option, "")

    assert ended.code == 2
    assert session.asked == []


def test_the_path_to_save_at_is_tried_before_the_look(spin: Spin, session: FakeSession, tmp_path: Path) -> None:
    ended = spin("diagnose", "42", "--save", str(tmp_path / "none" / "a.spinrec"))

    assert ended.code == 3
    assert "No such file or directory" in ended.err
    assert session.asked == []


@pytest.mark.parametrize("path", ["/proc/none.txt", "/sys/none.txt", "/dev/null/none.txt"])
def test_a_place_where_no_file_can_be_made_is_refused_before_the_look(
    spin: Spin, session: FakeSession, path: str
) -> None:
    """Also by root, to whom permission bits say nothing."""
    ended = spin("diagnose", "42", "-o", path)

    assert ended.err.startswith(f"spindoctor: cannot write {path}: ")
    assert "looking" not in ended.err
    assert (ended.code, session.asked) == (3, [])


def test_a_folder_that_may_not_be_entered_is_refused_before_the_look(
    spin: Spin, session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for another user than root, whom the tests may run as."""
    real = os.stat

    def stat(path: str | int, *, follow_symlinks: bool = True) -> os.stat_result:
        if str(path).startswith(str(tmp_path)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", stat)
    ended = spin("diagnose", "42", "--save", str(tmp_path / "a.spinrec"))
    monkeypatch.undo()

    assert "Permission denied" in ended.err
    assert (ended.code, session.asked) == (3, [])


def test_trying_a_path_leaves_nothing_behind(spin: Spin, session: FakeSession, tmp_path: Path) -> None:
    session.error = KeyboardInterrupt()

    spin("diagnose", "42", "-o", str(tmp_path / "a.txt"))

    assert list(tmp_path.iterdir()) == []


def test_the_services_come_as_json(spin: Spin) -> None:
    printed = json.loads(spin("--json").out)

    assert printed["format"] == 1
    assert printed["services"] == []
    assert printed["processes"] == 7


def test_top_prints_one_frame_for_a_pipe(spin: Spin, session: FakeSession) -> None:
    ended = spin("top", "42", "--once", "--every", "0.5", "--rate", "20")

    assert ended.out.startswith("pid 42 (python app.py) Python 3.12.3\nCPU 0.50 of 2 cores")
    assert (ended.code, ended.err) == (0, "")
    assert session.asked == [(42, None, None), (42, 20.0)]


def test_an_interrupted_frame_is_printed_and_ends_as_other_commands_do(
    spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = FakeLive.step

    def interrupted(live: FakeLive, seconds: float, progress: Callable[[float, str], None] | None = None) -> Dashboard:
        os.kill(os.getpid(), signal.SIGINT)
        return frame(live, 0.0 if progress else seconds)

    monkeypatch.setattr(FakeLive, "step", interrupted)
    ended = spin("top", "42", "--once")

    assert ended.out.startswith("pid 42 (python app.py)")
    assert ended.code == 130


def test_top_prints_one_moment_as_json(spin: Spin) -> None:
    ended = spin("top", "42", "--json", "--redact")

    assert json.loads(ended.out)["gauges"]["pid"] == 42
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("option", ["--json", "--redact"])
def test_an_option_of_the_list_of_services_belongs_behind_a_command(spin: Spin, option: str) -> None:
    ended = spin(option, "diagnose", "42")

    assert f"{option} goes behind the command: spindoctor diagnose {option}" in " ".join(ended.err.split())
    assert ended.code == 2


def test_the_list_of_services_can_be_redacted(spin: Spin) -> None:
    assert spin("--redact").out.startswith("no Python service in sight among 7 processes")


def test_top_without_a_terminal_names_the_way_out(spin: Spin, session: FakeSession) -> None:
    ended = spin("top", "42")

    assert "try: one frame without one: spindoctor top --once" in ended.err
    assert (ended.code, session.asked) == (2, [])


def test_a_redacted_look_is_saved_redacted(spin: Spin, tmp_path: Path) -> None:
    path = tmp_path / "a.spinrec"

    spin("diagnose", "42", "--redact", "--save", str(path))

    assert store.load(path).target.processes[0].user == "user-1"


def test_a_bundle_is_replayed_and_holds_the_reports(spin: Spin, tmp_path: Path) -> None:
    store.save(RECORDING, tmp_path / "a.spinrec")

    made = spin("bundle", str(tmp_path / "a.spinrec"), "-o", str(tmp_path / "a.zip"))
    replayed = spin("replay", str(tmp_path / "a.zip"))

    assert (made.code, made.out) == (0, "")
    assert "redacted: look through report.md before you share it" in made.err
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {"report.md", "report.json", "recording.spinrec"} <= set(archive.namelist())
        assert "user-1" in archive.read("report.json").decode()
        assert "www" not in archive.read("report.json").decode()
    assert replayed.out.startswith("pid 42 (python app.py), Python 3.12.3")
    assert (tmp_path / "a.zip").stat().st_mode & 0o777 == 0o600


def test_an_archive_that_is_no_bundle_is_said_with_a_hint(spin: Spin, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("other.txt", "text")
    (tmp_path / "b.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:20])

    assert "is damaged: it is an archive without a recording.spinrec" in spin("replay", str(tmp_path / "a.zip")).err
    assert "is damaged: it is an archive that does not unpack" in spin("replay", str(tmp_path / "b.zip")).err


def test_a_folder_cannot_take_the_report(spin: Spin, tmp_path: Path) -> None:
    ended = spin("diagnose", "42", "-o", str(tmp_path))

    assert "try: name a file, not a folder" in ended.err
    assert ended.code == 3


def test_a_missing_recording_is_said_with_a_hint(spin: Spin, tmp_path: Path) -> None:
    ended = spin("replay", str(tmp_path / "none"))

    assert ended.err == (
        f"spindoctor: cannot read {tmp_path}/none: No such file or directory\n"
        "  try: check the path; its folder must exist\n"
    )
    assert ended.code == 3


def test_a_damaged_recording_is_said_with_a_hint(spin: Spin, tmp_path: Path) -> None:
    path = tmp_path / "a.spinrec"
    store.save(RECORDING, path)
    path.write_bytes(path.read_bytes()[:-1])

    ended = spin("replay", str(path))

    assert "is damaged: it ends too early" in ended.err
    assert ended.code == 3


def test_explain_prints_the_page_of_a_mechanism(spin: Spin) -> None:
    ended = spin("explain", "GIL-contention")

    assert ended.out.startswith("# ")
    assert "## Why it hurts" in ended.out
    assert ended.code == 0


def test_explain_alone_lists_every_mechanism(spin: Spin) -> None:
    lines = spin("explain").out.splitlines()

    assert [line.split()[0] for line in lines if line[0] != " "] == [rule.slug for rule in ALL_RULES]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(spin: Spin, shell: str) -> None:
    assert f"_SPINDOCTOR_COMPLETE=complete_{shell}" in spin("completion", shell).out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says_of_itself(spin: Spin, name: str) -> None:
    """The root's help imports no command, so it keeps the first lines itself; they must not drift."""
    assert COMMANDS[name] in " ".join(spin(name, "--help").out.split())


def test_a_styled_report_is_asked_for_or_a_terminal(spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[" in spin("diagnose", "42", "--color", "always").out
    assert "\x1b[" not in spin("diagnose", "42", "--color", "never").out
    assert "\x1b[" not in spin("diagnose", "42").out


def test_the_report_is_as_wide_as_the_terminal(spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda _: os.terminal_size((60, 24)))

    assert max(map(len, spin("diagnose", "42").out.splitlines())) <= 60


@pytest.mark.parametrize(
    ("ending", "hint"),
    [
        (endings.ended(42), "list the Python processes"),
        (endings.stopped(42), "kill -CONT 42"),
        (endings.frozen(42), "docker unpause"),
        (endings.replaced(42), "spindoctor diagnose 42"),
    ],
)
def test_an_ending_is_told_first_with_what_helps(spin: Spin, session: FakeSession, ending: str, hint: str) -> None:
    session.report = replace(a_report(), look=replace(LOOK, ended=ending))

    ended = spin("diagnose", "42")

    assert f": {ending} Until then: no fault" in " ".join(ended.out.split())
    assert hint in ended.err.partition("try:")[2]
    assert ended.code == 0


def test_what_was_found_before_the_end_counts(spin: Spin, session: FakeSession) -> None:
    session.report = replace(a_report("warning"), look=replace(LOOK, ended=endings.ended(42)))

    assert spin("diagnose", "42").code == 1


def test_an_end_before_any_check_could_judge_is_no_look(spin: Spin, session: FakeSession) -> None:
    session.report = replace(
        a_report(), look=replace(LOOK, ended=endings.ended(42)), outcomes={"callback-storm": Unsure("too short")}
    )

    assert spin("diagnose", "42").code == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("diagnose", "abc"), "abc is no process id, which is a number from 1 to 4194304"),
        (("diagnose", "--port", "99999"), "99999 is no TCP port, which is a number from 1 to 65535"),
        (("diagnose", "--fail-on", "bad"), "bad is none of critical, warning, info and never"),
        (("record", "-o", "a.html", "--format", "svg"), "svg is none of html, speedscope, folded"),
        (("4242",), "For process 4242: spindoctor diagnose 4242"),
        (("diagnos", "42"), "there is no command diagnos; did you mean diagnose?"),
    ],
)
def test_a_usage_error_is_a_sentence(spin: Spin, arguments: tuple[str, ...], sentence: str) -> None:
    ended = spin(*arguments)

    assert sentence in " ".join(ended.err.split())
    assert ended.code == 2


@pytest.mark.parametrize("command", ["diagnose", "dump", "record", "top", "replay", "export", "bundle", "explain"])
def test_help_names_no_type_of_python(spin: Spin, command: str) -> None:
    assert not re.search("<(int|str|path|float)", spin(command, "--help").out)


def test_a_failure_under_redact_names_no_command_of_another_process(capfd: pytest.CaptureFixture[str]) -> None:
    shown, whole = "/opt/agnes/python app.py --password=hunt...", ("/opt/agnes/python", "app.py", "--password=hunter2")
    error = DoctorError(f"2 services match 'app':\n  7  {shown}", "Name one.", commands={shown: whole})

    failed(error, is_redacted=True)
    safe = capfd.readouterr().err
    failed(error)

    assert "7  /***/python app.py --password=***\n" in safe
    assert "hunt" not in safe
    assert shown in capfd.readouterr().err


@pytest.mark.parametrize(("option", "asks"), [("--save", True), ("--html", True), ("--output", False)])
def test_requests_are_asked_for_in_every_look_where_what_was_seen_is_kept(
    spin: Spin, session: FakeSession, tmp_path: Path, option: str, *, asks: bool
) -> None:
    spin("diagnose", "42", option, str(tmp_path / "a.out"))

    assert session.asked_extras.asks_routes is asks


def test_a_bundle_is_not_named_like_what_is_in_it(spin: Spin, tmp_path: Path) -> None:
    store.save(RECORDING, tmp_path / "a.spinrec")

    made = spin("bundle", str(tmp_path / "a.spinrec"), "-o", str(tmp_path / "a.html"))

    assert (made.code, (tmp_path / "a.html").exists()) == (2, False)
    assert "a bundle is a ZIP archive: a.zip" in made.err


def test_a_folder_is_no_file_to_write(spin: Spin, tmp_path: Path) -> None:
    store.save(RECORDING, tmp_path / "a.spinrec")

    made = spin("export", str(tmp_path / "a.spinrec"), "-o", str(tmp_path))

    assert made.code == 2
    assert "is a folder" in " ".join(made.err.split())
