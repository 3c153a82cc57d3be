"""The Pythons that the live tests run against: all of them in CI, elsewhere those that the machine has.

A missing one fails the run in CI (CI=true) and is said in one line elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from pythons import SUPPORTED, Interpreter, find_interpreters, missing

__all__ = ["SUPPORTED", "Interpreter", "every_python", "find_interpreters", "python"]


def python(version: str) -> Interpreter:
    """The Python of this version; where it is missing, the test is left out, in CI it fails."""
    found = find_interpreters()
    if version in found:
        return found[version]
    why = next(sentence for sentence in missing(found) if sentence.startswith(f"Python {version}:"))
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


every_python = pytest.mark.parametrize("version", SUPPORTED)
