"""One file to share: a ZIP archive (APPNOTE.TXT 6.3) of a recording and what was made of it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from spindoctor.model.recording import Recording
from spindoctor.store.files import DamagedError, write

MAGIC = b"PK\x03\x04"
"""What a ZIP archive that is not empty begins with."""

RECORDING = "recording.spinrec"

PRIVATE = 0o600
"""It is redacted, but whom it is for is its owner's to say."""

NO_TIME = (1980, 1, 1, 0, 0, 0)
"""The least that the format can hold: when a bundle was made is nobody's business."""


def save(recording: Recording, reports: Mapping[str, bytes], path: Path) -> None:
    """Writes a recording with its reports (by file name), all of it or nothing. Raises `DoctorError`."""
    from spindoctor.store import packed  # noqa: PLC0415 - that module opens bundles, too

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in reports.items():
            archive.writestr(zipfile.ZipInfo(name, NO_TIME), data, zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(RECORDING, NO_TIME), packed(recording), zipfile.ZIP_STORED)
    write(path, made.getvalue(), mode=PRIVATE)


def read(path: Path, most_bytes: int) -> bytes:
    """The bytes of the recording in a bundle, `most_bytes` at most.

    Raises:
        OSError: the file cannot be read.
        DamagedError: it is no bundle of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(RECORDING) as member:
            return member.read(most_bytes)
    except KeyError as error:
        raise DamagedError(f"it is an archive without a {RECORDING}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DamagedError("it is an archive that does not unpack") from error
