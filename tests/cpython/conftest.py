"""Makes the modules beside the tests, and the list of interpreters, importable."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """Program and reader share a CPU, as they do in a look: what is read does not change meanwhile."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)
