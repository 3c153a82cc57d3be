"""The optional compiled engine's module, where it is installed. SPINDOCTOR_ENGINE=pure leaves it out."""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

CHOICE = "SPINDOCTOR_ENGINE"
PURE = "pure"
MODULE = "spindoctor_engine"
KNOWN = "1"
"""The version of the engine whose calls are made here."""


@functools.cache
def compiled() -> Any:  # noqa: ANN401 - a module that may not be there
    """The engine's module; None where it is not installed, not wanted, or another version than ours."""
    if os.environ.get(CHOICE) == PURE:
        return None
    try:
        module = importlib.import_module(MODULE)
    except ImportError:
        return None
    return module if getattr(module, "__version__", "") == KNOWN else None


def name() -> str:
    """Which engine makes the looks of `record`."""
    return "compiled" if compiled() else "pure Python"
