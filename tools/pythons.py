"""The CPythons 3.8 ... 3.15 of this machine, and how a program is started in each of them.

`python tools/pythons.py` lists what was found. Looked at, in this order: $SPINDOCTOR_PYTHONS (executables or folders,
separated by colons), ~/.pyenv/versions, PATH, and the Debian root file system of `debian_root.py`, where programs run
through chroot.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import debian_root

SUPPORTED = tuple(f"3.{minor}" for minor in range(8, 16))
PLACED = "var/lib/spindoctor/placed"  # inside a root: copies of our files
VENVS_IN_ROOT = "var/lib/spindoctor/venvs"
PROBE = (
    "import sys, platform; print(sys.executable); print('%d.%d' % sys.version_info[:2]);"
    "print(platform.python_implementation(), getattr(sys, '_is_gil_enabled', bool)() or sys.version_info < (3, 13))"
)
PROBE_S = 20  # a shim on a loaded machine takes one or two seconds


@dataclass(frozen=True)
class Interpreter:
    """One Python: its version, its executable as seen inside `root`, and that root (None: the machine's own)."""

    version: str
    executable: str
    root: Path | None = None

    def command(self, *arguments: str) -> list[str]:
        """The argument vector that runs this Python with `arguments`; the pid of its process is the Python's own."""
        command = [self.executable, *map(str, arguments)]
        return debian_root.chroot_command(self.root, *command) if self.root else command

    def place(self, path: Path | str) -> str:
        """Make a file or folder visible to this Python: the path under which it finds the present content."""
        source = Path(path).resolve()
        if self.root is None:
            return str(source)
        inside = f"{PLACED}/{_digest(str(source.parent))}/{source.name}"
        _copy(source, self.root / inside)
        return f"/{inside}"

    def venv(self, requirements: Path | Sequence[str]) -> Interpreter:
        """This Python with exactly the packages of a requirements file or list; made once, then found again."""
        lines = _requirement_lines(requirements)
        if not lines:
            return self
        inside = _cache(self) / f"{self.version}-{_digest(self.executable, *lines)}"
        made = replace(self, executable=str(inside / "bin/python"))
        outside = _outside(self, inside)
        with debian_root.locked(outside.with_suffix(".lock")):
            if not (outside / "complete").exists():
                _make_venv(self, made, inside, lines)
        return made


def find_interpreters() -> dict[str, Interpreter]:
    """Every supported Python of this machine, by its minor version: "3.8" to "3.15"."""
    return {version: interpreter for version in SUPPORTED if (interpreter := _find(version))}


def missing(found: dict[str, Interpreter]) -> list[str]:
    """One sentence for each supported Python that is not in `found`."""
    unusable = debian_root.why_unusable(debian_root.root_path())
    hints = {version: f" and {unusable}" for version in debian_root.VERSIONS if unusable}
    return [
        f"Python {version}: not on PATH, in ~/.pyenv/versions or $SPINDOCTOR_PYTHONS{hints.get(version, '')}"
        for version in SUPPORTED
        if version not in found
    ]


@functools.cache
def _find(version: str) -> Interpreter | None:
    """The first candidate that runs and is a default build of CPython `version`."""
    for candidate in _candidates(version):
        if interpreter := _probe(version, Interpreter(version, candidate)):
            return interpreter
    return _in_root(version)


def _candidates(version: str) -> Iterator[str]:
    """Executables that could be Python `version`, best first."""
    name = f"python{version}"
    for entry in filter(None, os.environ.get("SPINDOCTOR_PYTHONS", "").split(os.pathsep)):
        path = Path(entry)
        yield from map(str, filter(Path.is_file, (path, path / name, path / "bin" / name)))
    yield from map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"), reverse=True))
    if on_path := shutil.which(name):
        yield on_path
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield os.path.realpath(sys.executable)


def _probe(version: str, candidate: Interpreter) -> Interpreter | None:
    """The candidate under its real path, or None if it does not run or is something else."""
    try:
        done = subprocess.run(
            candidate.command("-c", PROBE), capture_output=True, text=True, timeout=PROBE_S, check=False
        )
        executable, actual, build = done.stdout.splitlines()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return replace(candidate, executable=executable) if (actual, build) == (version, "CPython True") else None


def _in_root(version: str) -> Interpreter | None:
    """Python `version` of the Debian root, with that root made ready; None if it cannot be used."""
    root = debian_root.root_path()
    if version not in debian_root.VERSIONS or debian_root.why_unusable(root):
        return None
    debian_root.prepare(root)
    return _probe(version, Interpreter(version, f"/usr/bin/python{version}", root))


def _cache(interpreter: Interpreter) -> Path:
    """The folder for this Python's venvs, as the Python itself sees it."""
    if interpreter.root:
        return Path("/") / VENVS_IN_ROOT
    return Path(os.environ.get("SPINDOCTOR_CACHE", Path.home() / ".cache/spindoctor")).absolute() / "venvs"


def _outside(interpreter: Interpreter, path: Path) -> Path:
    """Where a path of this Python is for us."""
    return interpreter.root / path.relative_to("/") if interpreter.root else path


def _make_venv(base: Interpreter, made: Interpreter, inside: Path, lines: Iterable[str]) -> None:
    """Make the venv anew and install `lines` into it; its stamp is written last."""
    outside = _outside(base, inside)
    shutil.rmtree(outside, ignore_errors=True)
    _install(base.command("-m", "venv", str(inside)), f"make a venv for Python {base.version}")
    wanted = outside / "requirements.txt"
    wanted.write_text("\n".join(lines) + "\n")
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--prefer-binary"]
    install = ["-m", "pip", "install", *options, "-r", str(inside / wanted.name)]
    _install(made.command(*install), f"install the packages of {wanted} for Python {base.version}")
    (outside / "complete").touch()


def _install(command: list[str], purpose: str) -> None:
    """Run one step of making a venv; if it fails, say which and show its last lines."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-8:])
        raise debian_root.SetupError(f"Could not {purpose}. Its last lines:\n{tail}")


def _requirement_lines(requirements: Path | Sequence[str]) -> tuple[str, ...]:
    """The requirements without comments and empty lines."""
    raw = requirements.read_text().splitlines() if isinstance(requirements, Path) else requirements
    return tuple(line for each in raw if (line := each.partition("#")[0].strip()))


def _digest(*parts: str) -> str:
    """A short name for a combination of strings, on this kind of machine."""
    return hashlib.sha256("\n".join((platform.machine(), *parts)).encode()).hexdigest()[:12]


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder over `target`; what was there under other names stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def main() -> int:
    """List the Pythons of this machine and the ones that are missing."""
    found = find_interpreters()
    for version, interpreter in found.items():
        print(f"Python {version}: {' '.join(interpreter.command())}")
    for sentence in missing(found):
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
