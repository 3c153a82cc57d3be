"""What was recorded from every interpreter reads as its program said."""

from __future__ import annotations

import functools

import pytest
from cases import Case, image_case, image_versions
from checks import CHECKS, Check

VERSIONS = [f"3.{minor}" for minor in range(8, 16)]


@functools.cache
def case_of(version: str) -> Case:
    return image_case(version)


def test_there_is_an_image_of_every_version() -> None:
    assert image_versions() == VERSIONS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_image_agrees(version: str, check: Check) -> None:
    check(case_of(version))
