"""What the lab's tests share: the way to the lab and to the Pythons."""

from __future__ import annotations

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]

for folder in ("lab", "tests"):
    sys.path.insert(0, str(REPO / folder))
