"""Makes the recorded images and the list of interpreters importable; without the engine nothing of this is run."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "cpython"), str(Path(__file__).parents[1])]
