"""The report on a terminal: everything said, in order, readable in 80 columns, and harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from example_reports import BLIND, CEILING, EVERY, HEALTHY, LOOK, POOL, SICK, SPIN

from spindoctor.model.outcome import Clear, Cleared, Culprit, Figure, Finding, Found, ProcessLine, Report, Unsure
from spindoctor.model.recording import Candidate
from spindoctor.model.sample import TORN
from spindoctor.report import markdown, phrases, terminal


def with_finding(finding: Finding) -> Report:
    return replace(SICK, outcomes={"callback-storm": Found((finding,))}, ranking=("callback-storm",))


def words(text: str) -> str:
    """The text without the line breaks that only the width made."""
    return " ".join(text.split())


def test_the_sections_come_in_their_order() -> None:
    lines = terminal.render(SICK).splitlines()

    assert [line for line in lines if line in {"Found", "Cleared", "Not checked"}] == [
        "Found",
        "Cleared",
        "Not checked",
    ]


def test_the_headline_names_process_python_and_verdict() -> None:
    first = words(terminal.render(SICK).split("\n\n")[0])

    assert first == (
        "pid 4242 (python -m uvicorn app:app), Python 3.12.3: A cancellation is delivered for ever, and 1 more finding"
    )


def test_half_of_two_cores_is_said_to_be_one_whole_core() -> None:
    text = words(terminal.render(SICK))

    assert "50 % of this 2-core machine is one whole core: thread MainThread of pid 4242 uses 0.99 of it." in text
    assert "pid 4242 leader 1.01 cores, 50 % of machine MainThread 0.99, 23 threads" in text


def test_no_core_is_called_whole_where_no_thread_fills_one() -> None:
    assert "whole core" not in terminal.render(HEALTHY)


def test_a_share_of_the_quota_is_said_where_there_is_one() -> None:
    report = replace(SICK, machine=replace(SICK.machine, quota_cores=2.02))

    assert "1.01 cores, 50 % of machine, 50 % of quota" in words(terminal.render(report))


def test_a_finding_has_all_its_parts() -> None:
    text = words(terminal.render(with_finding(SPIN)))

    for part in (
        "1. callback storm [callback-storm]",
        "delivers its cancellation again on every turn of the loop (297 of 298 looks)",
        "critical, high confidence; costs 0.99 cores, > 99 % of the event loop's time",
        "explains: the whole core that pid 4242 burns",
        "where: /srv/app/stream.py:42 in events",
        "[changed after the process started] 41 | while True: > 42 | await beat() 43 | # end",
        "route GET /events, task Task-17, thread MainThread, pid 4242",
        "through: anyio/_backends/_asyncio.py:557 in CancelScope._deliver_cancellation",
        "also: - the same line -- task Task-18",
        "candidates: - /srv/app/stream.py:30 in events: yields inside a task group",
        "evidence: - the loop gave its selector no time: > 99 % (from 298 looks at the loop)",
        "cancellations asked of Task-17: 181,000 (from Task.cancelling())",
        "against: - Task-17 is not done: it may end by itself",
        "known bug: - anyio 4.3.0 is affected, fixed in 4.4.1: https://github.com/agronholm/anyio/issues/695",
        "do now: - Save this look before a restart",
        "change: - Let the CancelledError out of the loop at line 42.",
        "wrong if: the spin ends within a minute without a restart",
    ):
        assert part in text


def test_a_finding_shows_no_label_for_what_it_does_not_have() -> None:
    text = terminal.render(with_finding(CEILING))

    for label in ("explains:", "through:", "also:", "candidates:", "evidence:", "known bug:", "change:", "wrong if:"):
        assert label not in text


def test_findings_come_in_the_order_of_the_ranking() -> None:
    text = terminal.render(SICK)

    assert re.findall(r"^\d\. .*\[(.*)\]$", text, re.MULTILINE) == [
        "undeliverable-cancellation",
        "pool-exhausted",
        "single-core-ceiling",
    ]


def test_what_was_found_but_not_ranked_is_shown_too() -> None:
    report = replace(SICK, ranking=("single-core-ceiling",))

    assert "[pool-exhausted]" in terminal.render(report)
    assert "[undeliverable-cancellation]" in terminal.render(report)


def test_cleared_suspects_come_with_their_figures() -> None:
    cleared = words(terminal.render(SICK).split("\nCleared\n")[1].split("Not checked")[0])

    assert cleared == (
        "the GIL: 0 of 298 looks found a thread that waited for it "
        "No sign of gil-contention. (--full says what was looked at, `spindoctor explain SLUG` what each is)"
    )


def test_the_full_report_says_what_cleared_each_mechanism() -> None:
    cleared = words(terminal.render(SICK, is_full=True).split("\nCleared\n")[1].split("Not checked")[0])

    assert cleared == (
        "the GIL: 0 of 298 looks found a thread that waited for it "
        "no sign of gil-contention: 298 looks, 0 threads that waited for the GIL"
    )


def test_lines_that_two_findings_blame_are_shown_once() -> None:
    report = replace(SICK, outcomes={**SICK.outcomes, "pool-exhausted": Found((SPIN, SPIN))})

    for text in (terminal.render(report), markdown.render(report)):
        assert text.count("> 42 |") == 1
    assert "(these lines stand above)" in terminal.render(report)


def test_empty_lines_around_a_place_are_left_out() -> None:
    window = replace(SICK.sources[0], first_line=40, lines=("", "", "beat()", "", "more()", "", ""))

    text = terminal.render(replace(SICK, sources=(window,)))

    shown = [line.strip() for line in text.splitlines() if " |" in line]
    assert shown == ["> 42 | beat()", "43 |", "44 | more()"]


def test_that_something_is_wrong_clears_nobody() -> None:
    report = replace(SICK, outcomes={**SICK.outcomes, "nothing-wrong": Clear("something is wrong: pool-exhausted")})

    assert terminal.render(report) == terminal.render(SICK)


def test_a_command_shows_its_paths_by_their_last_part() -> None:
    process = replace(SICK.target.processes[0], command=("/usr/bin/python3", "/srv/app/run.py", "--to", "a/b"))
    report = replace(SICK, target=replace(SICK.target, processes=(process,)))

    assert terminal.render(report).startswith("pid 4242 (python3 run.py --to a/b), Python 3.12.3: ")


def test_what_was_not_checked_says_why() -> None:
    unchecked = terminal.render(SICK).split("\nNot checked\n")[1]

    assert "forked-event-loop: descriptors of pid 4242 could not be read; run with sudo" in unchecked


def test_the_footer_counts_looks_misses_and_own_cost() -> None:
    footer = terminal.render(SICK).rsplit("\n\n", 1)[1]

    assert words(footer) == (
        "298 looks in 3.0 s (aimed at 100 a second for each process, reader pinned to the target's core) "
        "from 2026-09-21 14:13:20 UTC "
        "2 missed (2 x torn read), 1 incomplete stack "
        "own CPU 0.05 cores, nothing written to the target, never stopped "
        "a thread that fills its core had up to as much less of it while we looked"
    )


def test_the_same_reason_in_several_processes_is_counted_once() -> None:
    report = replace(SICK, look=replace(LOOK, missed=(("torn read", 2), ("gone", 5), ("torn read", 1))))

    assert "8 missed (5 x gone, 3 x torn read)" in terminal.render(report)


def test_a_healthy_report_says_by_how_many_checks() -> None:
    text = terminal.render(HEALTHY)

    assert "no fault found by 2 checks" in text.splitlines()[0]
    assert "gil-contention: 298 looks" in text


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (HEALTHY, "Nothing: 2 checks found no sign of a fault. What was looked at stands below."),
        (
            replace(HEALTHY, outcomes={"a": Clear("x"), "b": Unsure("y")}),
            "Nothing: 1 check found no sign of a fault; 1 could not be made. What was looked at stands below.",
        ),
        (BLIND, "Nothing, but nothing could be ruled out: 1 check lacked evidence, see below."),
    ],
)
@pytest.mark.parametrize("render", [terminal.render, markdown.render])
def test_nothing_never_stands_alone(report: Report, said: str, render: Callable[[Report], str]) -> None:
    assert said in words(render(report))


@pytest.mark.parametrize(
    ("missed", "said"),
    [
        ((("late", 20),), "no fault found by 2 checks"),
        ((("late", 400),), "no fault found by 2 checks; only 40 of 440 looks succeeded"),
        (((TORN, 400), ("tasks: torn", 50), ("locks: torn", 50), ("late", 20)), "no fault found by 2 checks"),
    ],
    ids=["few", "most", "parts of looks that were made"],
)
def test_the_headline_says_where_most_looks_failed(missed: tuple[tuple[str, int], ...], said: str) -> None:
    look = replace(LOOK, looks=40, missed=missed)

    assert said == words(terminal.render(replace(HEALTHY, look=look)).split("\n\n")[0]).partition(": ")[2]


def test_a_target_that_stood_still_all_the_time_has_passed_no_check() -> None:
    report = replace(BLIND, look=replace(LOOK, ended="process 7 is stopped."))

    assert "Until then nothing could be ruled out" in words(terminal.render(report))


def test_no_fault_found_says_how_many_checks_could_not_be_made() -> None:
    report = replace(HEALTHY, outcomes={"a": Clear("x"), "b": Unsure("y"), "c": Unsure("z")})

    assert "no fault found by 1 check, 2 could not be made" in words(terminal.render(report))


def test_that_nothing_is_wrong_is_said_once() -> None:
    fine = replace(SPIN, severity="info", claim="nothing wrong")
    report = replace(HEALTHY, outcomes={**HEALTHY.outcomes, "nothing-wrong": Found((fine,))})

    assert terminal.render(report).splitlines()[0].endswith("no fault found by 2 checks")


def test_what_speaks_against_a_clean_bill_of_health_stands_in_the_headline() -> None:
    stands = replace(
        SPIN,
        severity="info",
        claim="no fault was found, but requests wait at take:14 (up to 2.8 s): 0.04 cores, 5 tasks",
    )
    why = "4 requests in progress, and none of them moved during the look: long polls do that by right"

    told = [
        phrases.verdict(replace(HEALTHY, outcomes={**HEALTHY.outcomes, "nothing-wrong": answer}))
        for answer in (Found((stands,)), Unsure(why), Unsure("no load: nothing to diagnose (0.001 cores)"))
    ]

    assert told[0] == "no fault found by 2 checks; requests wait at take:14 (up to 2.8 s)"
    assert told[1].endswith("; 4 requests in progress, and none of them moved during the look")
    assert told[2] == "no load: nothing to diagnose"


def test_a_service_without_load_is_not_called_healthy() -> None:
    idle = Unsure("no load: nothing to diagnose (0.001 cores); look again while it is in use")
    report = replace(HEALTHY, outcomes={"a": Clear("x"), "nothing-wrong": idle})

    text = words(terminal.render(report))

    assert "Python 3.12.3: no load: nothing to diagnose" in text
    assert "no fault" not in text


def test_a_report_in_which_nothing_could_be_checked_does_not_say_that_nothing_is_wrong() -> None:
    report = replace(HEALTHY, outcomes={"a": Unsure("y")})

    text = words(terminal.render(report))

    assert "nothing could be checked, 1 check lacked evidence" in text
    assert "no fault" not in text


def test_a_report_without_a_look_does_not_say_that_nothing_is_wrong() -> None:
    text = words(terminal.render(BLIND))

    assert "no look succeeded, so nothing can be said" in text
    assert "no fault" not in text


def test_what_is_no_fault_is_worth_knowing_in_the_headline() -> None:
    report = replace(SICK, outcomes={"single-core-ceiling": Found((CEILING,)), "a": Clear("x")})

    assert "no fault found by 1 check; worth knowing: One process, one core" in words(terminal.render(report))


def test_an_interrupted_look_says_so_in_the_headline() -> None:
    report = replace(SICK, look=replace(LOOK, seconds=1.25, is_interrupted=True))

    assert "(interrupted after 1.2 s)" in words(terminal.render(report).split("\n\n")[0])


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    assert max(map(len, terminal.render(EVERY[name], width=width).splitlines())) <= width


def test_a_path_longer_than_the_line_is_not_broken() -> None:
    path = "/srv/" + "long-folder/" * 9 + "app.py"

    assert f"{path}:42" in terminal.render(with_finding(replace(SPIN, culprit=Culprit(file=path, line=42))))


def test_wide_characters_count_as_two_columns() -> None:
    text = terminal.render(with_finding(replace(POOL, claim="\u4e2d\u6587 " * 30)))

    lines = [line for line in text.splitlines() if "\u4e2d" in line]
    assert [line.count("\u4e2d") for line in lines] == [15, 15]


@pytest.mark.parametrize("name", EVERY)
def test_without_color_the_text_is_plain_ascii_without_escapes(name: str) -> None:
    text = terminal.render(EVERY[name])

    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize("name", EVERY)
def test_color_changes_nothing_but_the_styles(name: str) -> None:
    colored = terminal.render(EVERY[name], color=True)

    assert "\x1b[1" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == terminal.render(EVERY[name])


@pytest.mark.parametrize("render", [terminal.render, markdown.render])
def test_text_from_the_target_cannot_steer_the_terminal(render: Callable[[Report], str]) -> None:
    culprit = Culprit(file="/srv/\x1b[2J\u202e.py", line=1, route="GET /\r\n\x07\x9b", thread="[red]x[/red]\udcff")
    report = with_finding(replace(SPIN, culprit=culprit))

    text = render(report)

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)
    assert "x1b" in text
    assert "red" in text


def test_long_lists_are_cut_with_a_count_of_the_rest() -> None:
    finding = replace(
        SPIN,
        evidence=tuple(Figure(str(n), f"figure-{n}", n, "", "here") for n in range(30)),
        candidates=tuple(Candidate("shape", "function", "file.py", n) for n in range(10)),
        culprits=tuple(Culprit(task=f"Task-{n}") for n in range(100)),
    )
    report = replace(
        with_finding(finding),
        cleared=tuple(Cleared(f"suspect-{n}", "0") for n in range(40)),
        processes=tuple(ProcessLine(n, "worker", "app", 0.01 * n, "MainThread", 0.0, 1) for n in range(20)),
    )

    text = words(terminal.render(report))

    assert "figure-9: 9" in text
    assert "figure-10" not in text
    for rest in ("and 20 more", "and 6 more", "and 96 more", "and 24 more", "and 12 more"):
        assert f"{rest} (--full has all)" in text
    assert text.index("pid 19 ") < text.index("pid 12 ")
    assert "pid 11 " not in text
    assert "(--full has all)" not in terminal.render(report, is_full=True)


def test_a_list_one_too_long_is_shown_whole() -> None:
    """A line that says "and 1 more" is as long as the one it hides."""
    finding = replace(SPIN, culprits=tuple(Culprit(task=f"Task-{n}") for n in range(5)))

    text = terminal.render(with_finding(finding))

    assert "Task-4" in text
    assert "more (--full" not in text


def test_source_lines_wider_than_the_page_are_cut() -> None:
    window = replace(SICK.sources[0], lines=("a = " + "1 + " * 50, "b", "c"))

    text = terminal.render(replace(SICK, sources=(window,)))

    cut = next(line for line in text.splitlines() if " 41 | " in line)
    assert len(cut) == 80
    assert cut.endswith("...")


@pytest.mark.parametrize("name", EVERY)
def test_markdown_says_the_same_as_the_terminal(name: str) -> None:
    text = markdown.render(EVERY[name])

    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Found",
        "## Cleared",
        "## Not checked",
    ]
    for found in EVERY[name].outcomes.values():
        for finding in found.findings if isinstance(found, Found) else ():
            assert finding.claim in text


def test_markdown_shows_source_as_code() -> None:
    assert "    > 42 |         await beat()\n" in markdown.render(SICK)


def test_text_from_the_target_cannot_become_markup() -> None:
    finding = replace(POOL, claim="<script>|`x`[y](z)*#")

    assert r"\<script\>\|\`x\`\[y\](z)\*\#" in markdown.render(with_finding(finding))
