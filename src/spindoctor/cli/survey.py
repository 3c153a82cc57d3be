"""`spindoctor` alone: the Python services of this machine."""

from __future__ import annotations

from spindoctor import session
from spindoctor.cli.streams import Color, is_styled, put, width
from spindoctor.report import survey as page
from spindoctor.report import survey_json


def survey(*, as_json: bool = False, is_redacted: bool = False) -> None:
    """Measures for a second and prints the services by the CPU they use."""
    found = session.survey()
    if is_redacted:
        from spindoctor.redact.hosts import redact_survey  # noqa: PLC0415 - needed by the option alone

        found = redact_survey(found)
    put(survey_json.render(found) if as_json else page.render(found, width=width(), color=is_styled(Color.AUTO)))
