"""The readers of other tools, fetched from npm once for each set of versions and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OURS = ("package.json", "package-lock.json", "read_pprof.mjs", "read_trace.mjs", "use_page.mjs")


@pytest.fixture(scope="session")
def readers() -> Path:
    """The folder in which node finds them. Fails where npm is missing or reaches no registry."""
    if not shutil.which("npm"):
        pytest.fail("npm is missing: apt-get install nodejs npm")
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in OURS)).hexdigest()[:12]
    cache = Path(os.environ.get("SPINDOCTOR_CACHE") or Path.home() / ".cache" / "spindoctor") / f"readers-{digest}"
    if not (cache / "installed").exists():
        cache.mkdir(parents=True, exist_ok=True)
        for name in OURS:
            shutil.copy(HERE / name, cache)
        made = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(made, cwd=cache, check=True, timeout=300)
        (cache / "installed").touch()
    return cache


@pytest.fixture(scope="session")
def node(readers: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a script of the readers; what it prints."""
    sessions = {"PROFILER_CLI_SESSION_DIR": str(tmp_path_factory.mktemp("sessions"))}

    def run(script: str, *arguments: str) -> str:
        return subprocess.run(
            ["node", script, *arguments],
            cwd=readers,
            env=os.environ | sessions,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    return run
