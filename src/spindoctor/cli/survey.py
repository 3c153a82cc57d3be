"""`spindoctor` alone: the Python services of this machine."""

from __future__ import annotations

from spindoctor import session
from spindoctor.cli.streams import Color, is_styled, put, width
from spindoctor.report.survey import render


def survey() -> None:
    """Measures for a second and prints the services by the CPU they use."""
    put(render(session.survey(), width=width(), color=is_styled(Color.AUTO)))
