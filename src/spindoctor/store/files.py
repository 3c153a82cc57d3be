"""Writes a file whole or not at all, and says in words why one cannot be used."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from spindoctor.errors import DoctorError

_ADVICE = {
    errno.ENOENT: "check the path; its folder must exist",
    errno.ENOTDIR: "check the path; a part of it is no folder",
    errno.EISDIR: "name a file, not a folder",
    errno.EACCES: "choose a path that you may use, or run with sudo",
    errno.EPERM: "choose a path that you may use, or run with sudo",
    errno.EROFS: "choose a path on a file system that is not read-only",
    errno.ENOSPC: "free some space, or choose a path on another file system",
}


class DamagedError(ValueError):
    """Why the content of a file cannot be a recording."""


def write(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a file, all of it or nothing; `mode` is narrowed by the umask.

    What is no regular file (a pipe, `/dev/stdout`) is written to and never replaced. Raises `DoctorError`.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data, mode)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unusable("write", path, error) from error


def check(path: Path) -> None:
    """Raises `DoctorError` where `path` cannot be written, before the work whose result is meant for it.

    A file is made beside it and removed again: no permission bits tell of a read-only file system or a full one.
    """
    try:
        if path.is_dir():
            raise _refused(errno.EISDIR)
        if path.exists() and not path.is_file():
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            return
        if not path.resolve().parent.is_dir():
            raise _refused(errno.ENOENT)
        _try(path.resolve())
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise unusable("write", path, error) from error


def _refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _try(path: Path) -> None:
    fresh = _beside(path)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    fresh.unlink()


def unusable(verb: str, path: Path, error: OSError) -> DoctorError:
    """The error to show where the system refused a path."""
    return DoctorError(
        f"cannot {verb} {path}: {error.strerror or error}", _ADVICE.get(error.errno or 0, "check the path")
    )


def _replace(path: Path, data: bytes, mode: int) -> None:
    fresh = _beside(path)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}")
