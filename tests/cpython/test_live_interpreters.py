"""Every supported interpreter, alive, says about itself what we read from outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cases import TARGET, Case, live_case
from checks import CHECKS, Check
from interpreters import SUPPORTED, python

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", params=SUPPORTED)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """The self-reporting program on one interpreter."""
    interpreter = python(request.param)
    with live_case(request.param, interpreter.command(interpreter.place(TARGET))) as found:
        yield found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_live_program_agrees(case: Case, check: Check) -> None:
    check(case)
