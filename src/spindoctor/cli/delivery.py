"""Puts a report into its form, sends it to its place, and says what the exit code is."""

from __future__ import annotations

from importlib import import_module

from spindoctor import session, store
from spindoctor.cli.looking import tell_ending
from spindoctor.cli.options import Delivery, FailOn
from spindoctor.cli.streams import Color, is_styled, put, width
from spindoctor.errors import ExitCode
from spindoctor.model.outcome import Clear, Found, Report
from spindoctor.model.recording import Recording

SEVERITIES = (FailOn.CRITICAL, FailOn.WARNING, FailOn.INFO)
"""Worst first."""


def deliver(recording: Recording, delivery: Delivery) -> ExitCode:
    """Judges a recording and writes the report to stdout or to its file, and as a page where one is asked for.

    Returns the exit code that the report stands for. Raises `DoctorError`.
    """
    report = session.diagnose(recording)
    if delivery.html:
        store.write(delivery.html, page(recording, report))
    text = _rendered(report, delivery)
    tell_ending(report.look.ended, report.target.hot)
    if delivery.output:
        store.write(delivery.output, text.encode("utf-8", "backslashreplace"))
    else:
        put(text)
    return status(report, delivery.fail_on)


def page(recording: Recording, report: Report) -> bytes:
    """The report as a page for a browser."""
    from spindoctor.report import html  # noqa: PLC0415 - needed by the option alone

    return html.render(report, session.pictures(recording, report)).encode("utf-8", "backslashreplace")


def status(report: Report, fail_on: FailOn) -> ExitCode:
    """An interrupted look, none at all, findings at least as severe as `fail_on`, or nothing to fail on.

    What was seen of a target that ended counts as any look does; it is no look where no check could judge it.
    """
    if report.look.is_interrupted:
        return ExitCode.INTERRUPTED
    if not report.look.looks:
        return ExitCode.COULD_NOT_LOOK
    bad = () if fail_on is FailOn.NEVER else SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    found = (outcome for outcome in report.outcomes.values() if isinstance(outcome, Found))
    is_bad = any(finding.severity in bad for outcome in found for finding in outcome.findings)
    if is_bad:
        return ExitCode.FINDINGS
    is_judged = any(isinstance(outcome, (Clear, Found)) for outcome in report.outcomes.values())
    return ExitCode.COULD_NOT_LOOK if report.look.ended and not is_judged else ExitCode.NOTHING_FOUND


def _rendered(report: Report, delivery: Delivery) -> str:
    if delivery.as_json or delivery.as_markdown:
        form = import_module(f"spindoctor.report.{'json' if delivery.as_json else 'markdown'}")
        text: str = form.render(report)
        return text
    from spindoctor.report import terminal  # noqa: PLC0415 - one of three

    if delivery.output:
        return terminal.render(report, color=delivery.color is Color.ALWAYS, is_full=delivery.is_full)
    return terminal.render(report, width=width(), color=is_styled(delivery.color), is_full=delivery.is_full)
