"""Nothing that was planted survives redaction in any form, and the verdict stays the same."""

from __future__ import annotations

import dataclasses
import gzip
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from planted import APP, HOME, PROCESS, SECRETS, a_recording
from typer.testing import CliRunner

from spindoctor import session, store
from spindoctor.cli.app import app
from spindoctor.evidence.live import dashboard
from spindoctor.model.frames import Frame
from spindoctor.model.live import Dashboard
from spindoctor.model.locks import Member, SharedLock, SharedLook
from spindoctor.model.outcome import Found, Report
from spindoctor.model.process import Neighbour
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.survey import ProcessLoad, ServiceUse, Survey, ThreadLoad
from spindoctor.model.tasks import BARE_YIELD, HUB, KEPT
from spindoctor.redact import TREATMENTS, Redactor, redact
from spindoctor.redact.hosts import SURVEY_TREATMENTS, redact_survey
from spindoctor.redact.names import Names
from spindoctor.redact.walk import text_fields
from spindoctor.report import (
    dump,
    dump_json,
    flame,
    html,
    json,
    live,
    live_json,
    markdown,
    survey,
    survey_json,
    terminal,
)
from spindoctor.report.profile import chrome, firefox, folded, pprof, speedscope

WHOLE = {"Route", "SourceWindow"}
"""Classes that are treated as a whole."""

FORMS: dict[str, Callable[[Report, Recording], str]] = {
    "terminal": lambda report, _: terminal.render(report, width=200),
    "json": lambda report, _: json.render(report),
    "markdown": lambda report, _: markdown.render(report),
    "html": lambda report, recording: html.render(report, session.pictures(recording, report)),
    "flame": lambda _, recording: flame.page(session.profile(recording)).decode(),
    "dump": lambda _, recording: dump.render(session.dump(recording), width=200, is_full=True),
    "dump as json": lambda _, recording: dump_json.render(session.dump(recording)),
    "speedscope": lambda _, recording: speedscope.render(session.profile(recording)).decode(),
    "folded": lambda _, recording: folded.render(session.profile(recording)).decode(),
    "pprof": lambda _, recording: gzip.decompress(pprof.render(session.profile(recording))).decode("utf-8", "replace"),
    "chrome": lambda _, recording: chrome.render(session.profile(recording)).decode(),
    "firefox": lambda _, recording: firefox.render(session.profile(recording)).decode(),
    "recording": lambda _, recording: zlib.decompress(store.packed(recording)[12:]).decode("utf-8", "replace"),
    "representation": lambda _, recording: repr(recording),
}


SURVEY = Survey(
    interval_s=1.0,
    machine=replace(a_recording().machine, neighbours=(Neighbour(9, "megacorp-billing", 0.4),)),
    services=(
        ServiceUse(
            leader=100,
            name="megacorp-shop",
            made_by="uvicorn",
            processes=(
                ProcessLoad(
                    100, "leader", PROCESS.command, "jdoe", 1.0, 50.0, 60.0, 1 << 26, 2,
                    tuple(ThreadLoad(7, name, 0.95, 57.0, 60.0) for name in ("payroll of alice", "10.20.30.40")),
                ),
                ProcessLoad(101, "worker", (HOME + "/hunter2", "s3cr3t"), "jdoe", 0.0, 0.0, 60.0, 1 << 26, 1),
            ),
            machine_cores=2,
            ports=(8000,),
        ),
    ),
    processes=7,
    notes=("process 7 of jdoe could not be read: '/home/jdoe/megacorp/hunter2'",),
)  # fmt: skip
"""A host with something to hide in every place where a survey can hold it."""

SURVEY_FORMS: dict[str, Callable[[Survey], str]] = {
    "terminal": lambda found: survey.render(found, width=200),
    "narrow": lambda found: survey.render(found, width=40),
    "json": survey_json.render,
    "representation": repr,
}

TOP_FORMS: dict[str, Callable[[Dashboard], str]] = {
    "frame": lambda board: live.render_once(board, width=200),
    "frame as json": live_json.render,
    "representation": repr,
    "header": lambda board: " ".join(live.header(board)),
    "stacks": lambda board: " ".join(
        line for sheet in board.sheets for row in sheet.rows for line in live.stack_lines(sheet, row)
    ),
}


def survivors(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret.lower() in text.lower()]


@pytest.mark.parametrize("form", FORMS)
def test_no_planted_secret_survives_in_any_form(form: str) -> None:
    safe = redact(a_recording())

    text = FORMS[form](session.diagnose(safe), safe)

    assert survivors(text) == []


@pytest.mark.parametrize("form", FORMS)
def test_the_planted_secrets_would_be_seen(form: str) -> None:
    """The recording is worth redacting: each form shows some of them as it is."""
    recording = a_recording()

    assert survivors(FORMS[form](session.diagnose(recording), recording))


@pytest.mark.parametrize("form", SURVEY_FORMS)
def test_no_planted_secret_survives_in_the_list_of_services(form: str) -> None:
    show = SURVEY_FORMS[form]

    assert survivors(show(SURVEY))
    assert survivors(show(redact_survey(SURVEY))) == []


def test_no_field_of_text_of_a_survey_lets_a_secret_through() -> None:
    found = filled(Survey)

    assert survivors(repr(found))
    assert survivors(repr(redact_survey(found))) == []
    assert set(SURVEY_TREATMENTS) == set(text_fields(Survey))


def test_a_redacted_survey_still_says_what_burns() -> None:
    text = survey.render(redact_survey(SURVEY), width=200)

    assert "python -m *** --port 8000 --password ***" in text
    assert "next: spindoctor diagnose 100" in text


@pytest.mark.parametrize("form", TOP_FORMS)
def test_no_planted_secret_survives_in_the_live_view(form: str) -> None:
    """Of two looks, as the live view shows them: one after the other through the same redactor."""
    treat, show = Redactor(), TOP_FORMS[form]

    safe = dashboard([treat(a_recording()), treat(a_recording())])

    assert survivors(show(dashboard([a_recording(), a_recording()])))
    assert survivors(show(safe)) == []


def test_a_name_has_the_same_pseudonym_from_one_look_to_the_next() -> None:
    treat = Redactor()

    assert treat(a_recording()) == treat(a_recording())


def test_a_thread_has_the_same_pseudonym_in_every_command_whichever_is_busiest() -> None:
    """Each command makes a recording of its own, in which the busiest thread comes first."""
    seen = a_recording()
    process = replace(seen.processes[0], threads=(ThreadUse(7, "dora", "x"), ThreadUse(8, "emil", "x")))
    first = replace(seen, processes=(process,))
    second = replace(seen, processes=(replace(process, samples=(), threads=process.threads[::-1]),))

    before, after = ({use.tid: use.name for use in redact(one).processes[0].threads} for one in (first, second))

    assert before == after
    assert len(set(before.values())) == 2


def test_a_name_that_was_hidden_once_stays_so_though_the_code_uses_its_word_later() -> None:
    treat = Redactor()
    seen = a_recording()
    (process,) = seen.processes
    called = replace(process.samples[0].threads[0], stack=(Frame("orange_box", APP, 3),))
    later = replace(process, samples=(replace(process.samples[0], threads=(called,)),))

    first, second = (treat(replace(seen, processes=(one,))).processes[0].threads for one in (process, later))

    assert [use.kernel_name for use in first] == [use.kernel_name for use in second]


def test_a_process_that_joins_the_service_changes_nobodys_pseudonym() -> None:
    """One of another account, from another folder, is met in the second look."""
    treat = Redactor()
    seen = a_recording()
    first = treat(seen)
    known = seen.target.processes[0]
    joined = replace(known, pid=99, user="zoe", cwd="/srv/other", sys_path=("/srv/other",))

    second = treat(replace(seen, target=replace(seen.target, processes=(joined, known))))

    assert second.processes == first.processes
    assert second.target.processes[1] == first.target.processes[0]
    assert second.target.processes[0].cwd != first.target.processes[0].cwd


def test_another_account_in_the_service_is_nobodys_name_either() -> None:
    treat = Redactor()
    treat(a_recording())
    recording = a_recording()
    (process,) = recording.target.processes
    target = replace(recording.target, processes=(process, replace(process, pid=101, user="wifepic")))

    assert survivors(repr(treat(replace(recording, target=target)))) == []


def test_every_secret_is_planted() -> None:
    assert set(survivors(repr(a_recording()))) == set(SECRETS)


@pytest.mark.parametrize("arguments", [("--json",), ("--markdown",), (), ("-o", "FILE"), ("--json", "-o", "FILE")])
def test_no_planted_secret_survives_on_the_command_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    store.save(a_recording(), tmp_path / "a.spinrec")
    file = tmp_path / "out"
    given = [str(file) if one == "FILE" else one for one in arguments]

    ended = CliRunner().invoke(app, ["replay", str(tmp_path / "a.spinrec"), "--redact", *given])

    text = file.read_text() if file.exists() else ended.stdout
    assert len(text) > 1000
    assert survivors(text + ended.stderr) == []


def plain(path: Path) -> str:
    """What a file says, whatever it is packed in."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if path.suffix == ".spinrec":
        content = zlib.decompress(content[12:])
    return content.decode("utf-8", "replace")


ENDINGS = (".html", ".speedscope.json", ".folded", ".pb.gz", ".trace.json", ".firefox.json", ".spinrec")


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_planted_secret_survives_in_an_exported_file(tmp_path: Path, ending: str) -> None:
    store.save(a_recording(), tmp_path / "a.spinrec")

    for options, name in (((), f"open{ending}"), (("--redact",), f"safe{ending}")):
        ended = CliRunner().invoke(app, ["export", str(tmp_path / "a.spinrec"), *options, "-o", str(tmp_path / name)])
        assert ended.exit_code == 0

    assert survivors(plain(tmp_path / f"open{ending}"))
    assert survivors(plain(tmp_path / f"safe{ending}")) == []


def test_no_planted_secret_survives_in_a_bundle(tmp_path: Path) -> None:
    store.save(a_recording(), tmp_path / "a.spinrec")

    ended = CliRunner().invoke(app, ["bundle", str(tmp_path / "a.spinrec"), "-o", str(tmp_path / "a.zip")])

    assert survivors(ended.stderr) == []
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "out")
        assert len(archive.namelist()) == 4
    for path in (tmp_path / "out").iterdir():
        assert survivors(plain(path)) == []


@pytest.mark.parametrize("options", [(), ("--json",), ("--full",), ("--family", "--tasks")])
def test_no_planted_secret_survives_in_a_dump(tmp_path: Path, options: tuple[str, ...]) -> None:
    store.save(a_recording(), tmp_path / "a.spinrec")

    ended = CliRunner().invoke(app, ["dump", str(tmp_path / "a.spinrec"), "--redact", *options])

    assert len(ended.stdout) > 500
    assert survivors(ended.stdout + ended.stderr) == []


def test_the_verdict_is_the_same() -> None:
    recording = a_recording()
    open_report, safe_report = session.diagnose(recording), session.diagnose(redact(recording))

    assert safe_report.ranking == open_report.ranking
    assert len(open_report.ranking) > 1
    for slug, outcome in open_report.outcomes.items():
        assert type(safe_report.outcomes[slug]) is type(outcome)
        if isinstance(outcome, Found):
            found = safe_report.outcomes[slug]
            assert isinstance(found, Found)
            assert [one.severity for one in found.findings] == [one.severity for one in outcome.findings]
            assert [one.culprit.line for one in found.findings] == [one.culprit.line for one in outcome.findings]


def test_what_a_reader_needs_stays() -> None:
    text = terminal.render(session.diagnose(redact(a_recording())), width=200)

    assert "/service-2/plugin.py:7 in charge" in text
    assert "return '***'" in text


def test_every_text_of_the_model_has_a_treatment() -> None:
    """A new field of text is hidden until somebody says what is to be done with it; this tells that somebody."""
    fields = {name for name in text_fields() if name.partition(".")[0] not in WHOLE}

    assert fields == set(TREATMENTS)


SECRET_OF = {
    "file": "/mnt/payroll/hunter2/{}.py",
    "data": "/srv/uploads/hunter2-{}.pdf",
    "address": "10.20.30.40:80{}",
    "pattern": "^(hunter2)+{}$",
    "user": "jdoe{}",
    "sentence": "cannot read '/home/jdoe/hunter2' of jdoe@megacorp.example at 10.20.30.40: token=s3cr3t{}",
}
"""What is planted in a field by its treatment; "{}" is a number, so that no two are alike."""

LINE = "connect('hunter2', 4711471147, f\"{{jdoe}}\")  # payroll {}"
ANYWHERE = "hunter2 of jdoe@megacorp.example at /home/jdoe/payroll, 10.20.30.40, s3cr3t={}"


def filled(kind: Any, name: str = "", number: int = 0) -> Any:  # noqa: ANN401 - any type of the model
    """A value of any type of the model in which nothing is empty, and every text of the target's is a secret."""
    if kind is str:
        treatment = TREATMENTS.get(name) or SURVEY_TREATMENTS.get(name, "")
        plain = treatment in {"ours", "code"} or name in {"Route.template", "SourceWindow.file", "Route.method"}
        planted = LINE if name == "SourceWindow.lines" else SECRET_OF.get(treatment, ANYWHERE)
        return "plain" if plain else planted.format(number)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        made = {one.name: filled(hints[one.name], f"{kind.__name__}.{one.name}") for one in dataclasses.fields(kind)}
        return kind(**made)  # type: ignore[operator]
    members = [one for one in get_args(kind) if one is not Ellipsis]
    if get_origin(kind) is tuple:
        again = len(members) == 1 and members[0] is str
        return tuple(filled(one, name, n) for n, one in enumerate(members * 2 if again else members))
    return filled(members[0], name) if members else kind(1)


def test_no_field_of_text_whatever_lets_a_secret_through() -> None:
    """Also those that the sick service above does not have, and those that are new."""
    recording = filled(Recording)

    assert len(survivors(repr(recording))) >= 6
    assert survivors(repr(redact(recording))) == []


def test_a_recording_redacted_twice_is_as_good_as_once() -> None:
    once = redact(a_recording())

    assert redact(once) == once


def test_the_same_host_has_the_same_pseudonym_everywhere() -> None:
    safe = redact(a_recording()).processes[0]
    sockets = [one.socket for one in safe.descriptors if one.socket]

    assert sockets[0].local == "host-1:8000"
    assert sockets[0].remote == "host-2:5432"
    assert safe.threads[2].name == "name-10_monitor_host-1"
    assert sockets[3].local == "127.0.0.1:9000"


def test_files_of_one_folder_stay_in_one_folder() -> None:
    files = [one.path for one in redact(a_recording()).processes[0].descriptors if "folder-" in one.path]

    folders = {path.rpartition("/")[0] for path in files}
    assert len(folders) == 2
    assert len(set(files)) == 991


def test_a_route_keeps_the_words_of_the_code_and_a_template_its_plain_words() -> None:
    tasks = redact(a_recording()).processes[0].task_looks[0].tasks

    assert str(tasks[0].route) == "GET /name-13/name-4/{}"
    assert tasks[1].route == Route("GET", "/pay/{name}", "/pay/{name}")


def test_a_path_of_keys_is_as_short_as_in_a_report_that_is_not_redacted() -> None:
    """Nor does redacting it a second time change anything."""
    treat = Redactor()
    seen = a_recording()
    (process,) = seen.processes
    looks = [ThreadLook(tid, route=Route("GET", f"/{'a' * (tid + 3)}/417")) for tid in range(20)]

    def routes(recording: Recording) -> list[str]:
        return [str(look.route) for look in recording.processes[0].samples[0].threads]

    safe = treat(replace(seen, processes=(replace(process, samples=(Sample(0.0, tuple(looks)),)),)))

    assert len(set(routes(safe))) == 20
    assert all(one.endswith("/{}") for one in routes(safe))
    assert routes(redact(safe)) == routes(safe)


def test_the_file_of_a_lock_is_hidden_and_its_words_stay_so_elsewhere() -> None:
    seen = a_recording()
    (process,) = seen.processes
    lock = SharedLock("asked 7", f"file lock {HOME}/tenants/alice.db", (Member(100, 100),))
    (use, *others) = process.threads
    named = replace(process, threads=(replace(use, name="alice"), *others))

    safe = redact(replace(seen, processes=(named,), shared_looks=(SharedLook(0.0, (lock,)),)))

    assert survivors(repr(safe)) == []
    assert safe.shared_looks[0].locks[0].type_name.startswith("file lock /***/folder-")


@pytest.mark.parametrize("kind", [HUB, KEPT, BARE_YIELD])
def test_what_rules_know_a_wait_by_stays_though_a_thread_was_called_so(kind: str) -> None:
    treat = Redactor()
    seen = a_recording()
    (process,) = seen.processes
    (use, *others) = process.threads
    called = replace(process, threads=(replace(use, name=kind), *others))
    treat(replace(seen, processes=(called,)))

    (later,) = treat(replace(seen, processes=(replace(called, threads=(replace(use, loop_type=kind),)),))).processes

    assert later.threads[0].loop_type == kind


def test_a_word_that_was_hidden_stays_so_where_the_code_has_its_parts() -> None:
    names = Names(())
    hidden = names.words("OrangeBox")
    names.learn(["orange_box"])

    assert names.words("OrangeBox") == hidden != "OrangeBox"


def test_a_command_keeps_program_module_options_and_small_numbers() -> None:
    command = redact(a_recording()).target.processes[0].command

    assert command == (
        "/service/.venv/bin/python", "-m", "views", "--port", "8000", "--password", "***", "--token=***", "-p***",
        "--dsn", "***", "***", "/service/run.py", "--pin", "***", "***",
    )  # fmt: skip


def test_a_service_in_a_shared_folder_has_no_folder_of_its_own() -> None:
    """A process that stands in / or in somebody's home makes not everything there a part of the service."""
    recording = a_recording()
    homeless = replace(recording.target.processes[0], cwd="/home/jdoe", sys_path=())
    moved = replace(recording, target=replace(recording.target, processes=(homeless,)))

    safe = redact(moved)

    assert safe.processes[0].samples[0].threads[0].stack[2] == Frame("slow_report", "/***/views.py", 41)
    assert HOME not in repr(safe)


def test_the_route_of_a_single_look_is_hidden_as_that_of_a_task() -> None:
    recording = a_recording()
    look = ThreadLook(100, route=Route("GET", "/reports/alice/4711471147?token=s3cr3t"))
    process = replace(recording.processes[0], samples=(Sample(0.0, (look,)),))

    (safe,) = redact(replace(recording, processes=(process,))).processes

    assert survivors(repr(safe.samples)) == []
