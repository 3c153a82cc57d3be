"""The page about the command line is the one that the commands make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "make_cli_page.py"


def test_the_page_of_the_command_line_is_current() -> None:
    ended = subprocess.run([sys.executable, str(TOOL), "--check"], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
