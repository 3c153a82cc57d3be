"""Makes the list of interpreters, and what starts programs, importable."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "cpython")]
