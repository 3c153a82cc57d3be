"""A recording in a file, and back.

A file is `MAGIC`, the format number (4 bytes, big-endian), and one zlib stream (RFC 1950) of MessagePack. A file may
come from anyone, so all of it is untrusted: types are checked while decoding, places in tables before use, and what the
stream unpacks to is bounded.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from spindoctor.errors import DoctorError
from spindoctor.model.recording import FORMAT, Recording
from spindoctor.store import bundles
from spindoctor.store.files import DamagedError, check, unusable, write

__all__ = ["MAGIC", "PRIVATE", "check", "load", "packed", "save", "write"]

MAGIC = b"SPINREC\n"
NUMBER_BYTES = 4

MOST_BYTES = 256 * 1024 * 1024
"""Unpacked. A minute at 100 looks a second of 10 processes with 30 threads each is about 40 MB; a forged file can
unpack to a thousand times its size."""

LEVEL = 6
"""zlib's own default: level 9 takes several times as long for a few percent."""

PRIVATE = 0o600
"""A recording holds paths, command lines and routes of a production service."""

ANEW = "make it again: spindoctor diagnose PID --save REC"


def save(recording: Recording, path: Path) -> None:
    """Writes a recording, all of it or nothing, readable by its owner only.

    Raises `DoctorError` where the path cannot be written or the recording is larger than `load` would accept.
    """
    write(path, packed(recording), mode=PRIVATE)


def packed(recording: Recording) -> bytes:
    """A recording as the bytes of a file. Raises `DoctorError` where it is larger than `load` would accept."""
    from spindoctor.store.interning import encode  # noqa: PLC0415 - a look that is not saved needs no MessagePack

    body = encode(recording)
    if len(body) > MOST_BYTES:
        raise DoctorError(
            f"the recording is too large to save: {len(body):,} bytes", "look for a shorter time: --seconds"
        )
    return MAGIC + FORMAT.to_bytes(NUMBER_BYTES) + zlib.compress(body, LEVEL)


def load(path: Path) -> Recording:
    """Reads a recording, or the one in a bundle.

    Raises `DoctorError` for a file that cannot be read, is none of ours, is newer than this spindoctor, or is damaged.
    """
    try:
        return _loaded(path)
    except OSError as error:
        raise unusable("read", path, error) from error
    except DamagedError as error:
        raise DoctorError(f"{path} is damaged: {error}", ANEW) from error


def _loaded(path: Path) -> Recording:
    from spindoctor.store.interning import decode  # noqa: PLC0415 - as above

    length = len(MAGIC) + NUMBER_BYTES
    with path.open("rb") as file:
        data = file.read(length)
        data = (
            bundles.read(path, length + MOST_BYTES) if data.startswith(bundles.MAGIC) else data + file.read(MOST_BYTES)
        )
    _check_head(data[:length], path)
    return decode(_unpacked(data[length:]))


def _check_head(head: bytes, path: Path) -> None:
    if not head.startswith(MAGIC):
        raise DoctorError(f"{path} is no recording", "recordings are made by: spindoctor diagnose PID --save REC")
    if len(head) < len(MAGIC) + NUMBER_BYTES:
        raise DamagedError("it ends after its first bytes")
    number = int.from_bytes(head[len(MAGIC) :])
    if number > FORMAT:
        problem = f"{path} has format {number}; this spindoctor reads up to format {FORMAT}"
        raise DoctorError(problem, "pip install --upgrade spindoctor")
    if number < 1:
        raise DamagedError(f"there never was a format {number}")


def _unpacked(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(packed, MOST_BYTES)
    except zlib.error as error:
        raise DamagedError("its bytes do not unpack") from error
    if stream.unconsumed_tail:
        raise DamagedError(f"it unpacks to more than {MOST_BYTES:,} bytes")
    if not stream.eof:
        raise DamagedError("it ends too early")
    if stream.unused_data:
        raise DamagedError("something follows its end")
    return body
