"""A Debian root file system of our own, for the Pythons that the machine does not have.

`python tools/debian_root.py` builds it (about 35 s) or says that it is already there. Programs run in it through
`chroot`, with the machine's own /proc: a service in it is also a target with another root file system than ours.

Needs root (for chroot and the mounts) and Debian's or Ubuntu's apt if `debootstrap` has to be installed first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

DEFAULT_ROOT = "/var/cache/spindoctor/debian"
SUITE = "forky"
SCRIPT = "sid"  # debootstrap's recipe: an older debootstrap has none named after this suite, and sid's fits
VERSIONS = ("3.14", "3.15")
PACKAGES = (
    *(f"python{version}" for version in VERSIONS),
    *(f"python{version}-venv" for version in VERSIONS),
    "ca-certificates",
)
MOUNTS = ("proc", "dev")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class SetupError(Exception):
    """What could not be set up, and what to do about it, in one sentence."""


def root_path() -> Path:
    """Where the root file system is or will be: $SPINDOCTOR_DEBIAN, else the default."""
    return Path(os.environ.get("SPINDOCTOR_DEBIAN", DEFAULT_ROOT))


def is_built(root: Path) -> bool:
    """The root holds every Python that it is for."""
    return all((root / f"usr/bin/python{version}").exists() for version in VERSIONS)


def why_unusable(root: Path) -> str | None:
    """The reason why nothing can be run in `root`, or None."""
    if os.geteuid() != 0:
        return f"only root may chroot into {root}"
    if not is_built(root):
        return f"{root} does not hold them: run `python tools/debian_root.py`"
    return None


def chroot_command(root: Path, *command: str) -> list[str]:
    """The argument vector that runs `command` in `root`; chroot(8) replaces itself, so the pid is the command's own."""
    return ["chroot", str(root), *command]


def prepare(root: Path) -> None:
    """Mount what a program in the root needs and copy what it needs to reach the network; harmless when repeated."""
    for name in MOUNTS:
        if not os.path.ismount(root / name):
            _run(["mount", "--bind", f"/{name}", str(root / name)], f"mount /{name} in {root}")
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    inside = root / CERTIFICATES.relative_to("/")
    for bundle in (os.environ.get("SSL_CERT_FILE"), str(CERTIFICATES)):
        if bundle and Path(bundle).is_file():
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle, inside)
            return


def release(root: Path) -> None:
    """Take back the mounts, so that the folder can be removed."""
    for name in MOUNTS:
        if os.path.ismount(root / name):
            _run(["umount", str(root / name)], f"unmount {root / name}")


def build(root: Path) -> None:
    """Make the root file system unless it is complete; an interrupted attempt is cleared away first."""
    if os.geteuid() != 0:
        raise SetupError("Building the Debian root needs root: run this as root, or do without Python 3.14 and 3.15.")
    root.parent.mkdir(parents=True, exist_ok=True)
    with locked(root.with_suffix(".lock")):
        if not is_built(root):
            _bootstrap(root)
        prepare(root)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path` as a lock between processes for the length of the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bootstrap(root: Path) -> None:
    """Fill an empty `root` with the suite's smallest system and our Pythons."""
    _install_debootstrap()
    if root.exists():
        release(root)
        shutil.rmtree(root)
    options = ["--no-check-gpg", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    mirror = os.environ.get("SPINDOCTOR_DEBIAN_MIRROR", "")  # empty: debootstrap's own default
    _run(["debootstrap", *options, SUITE, str(root), mirror, SCRIPT], f"bootstrap Debian {SUITE} into {root}")
    if not is_built(root):
        raise SetupError(f"{SUITE} was unpacked into {root}, but it lacks Python {' or '.join(VERSIONS)}")


def _install_debootstrap() -> None:
    """Get debootstrap from the machine's own packages if it is not there."""
    if shutil.which("debootstrap"):
        return
    if not shutil.which("apt-get"):
        raise SetupError("debootstrap is not installed and there is no apt-get to install it: install it by hand.")
    _run(["apt-get", "update", "-q"], "refresh apt's package lists")
    _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "debootstrap"], "install debootstrap")


def _run(command: list[str], purpose: str) -> None:
    """Run `command` quietly; if it fails, say what for and show its last lines."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=environment
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-8:])
        raise SetupError(f"Could not {purpose} (exit status {done.returncode}). Its last lines:\n{tail}")


def main() -> int:
    """Build the root and say where it is."""
    root = root_path()
    try:
        build(root)
    except SetupError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"Python {' and '.join(VERSIONS)} are in {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
