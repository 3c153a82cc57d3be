"""The distributions installed in the target, through its own import path and root.

Sources: the "Recording installed projects" specification (PyPA), PEP 503 (names), setuptools' egg-info folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from spindoctor.probe.root import TargetRoot

_MOST_FOLDERS = 200
_MOST_PACKAGES = 20_000
_MOST_METADATA_BYTES = 1 << 20
_INFO = re.compile(r"(?P<name>[^-~][^-]*(?:-(?!\d)[^-]+)*?)(?:-(?P<version>\d[^-]*))?(?:-py\d.*)?\.(?:dist|egg)-info$")
"""pip leaves `~name` behind where it could not finish removing."""

_SEPARATORS = re.compile(r"[-_.]+")
_METADATA_FILES = ("METADATA", "PKG-INFO")


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 compares it: `Foo_Bar.baz` -> "foo-bar-baz"."""
    return _SEPARATORS.sub("-", name).lower()


def parse_info_name(name: str) -> tuple[str, str | None] | None:
    """Normalised name and version (None: not in the name) of a `*.dist-info` or `*.egg-info` entry; None for others."""
    match = _INFO.match(name)
    return (normalise(match["name"]), match["version"]) if match else None


def parse_metadata(text: str) -> str | None:
    """The version in the head of a METADATA or PKG-INFO file."""
    for line in text.splitlines():
        if not line:
            return None
        key, _, value = line.partition(":")
        if key.lower() == "version":
            return value.strip()
    return None


def read_packages(pid: int, sys_path: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Name and version of what is installed on the target's `sys.path`, by name; the first on the path wins, as it does
    for imports. Entries that are no folders (zip files, missing ones) are skipped. About 1 ms a folder.
    """  # noqa: D205 - one sentence too long for a line
    root = TargetRoot(pid)
    found: dict[str, str] = {}
    for folder in list(dict.fromkeys(sys_path))[:_MOST_FOLDERS]:
        for name, version in _in_folder(root, folder):
            if len(found) < _MOST_PACKAGES:
                found.setdefault(name, version)
    return tuple(sorted(found.items()))


def _in_folder(root: TargetRoot, folder: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(root.list_folder(folder)):
        parsed = parse_info_name(entry) if entry.endswith("-info") else None
        if parsed is None:
            continue
        name, version = parsed
        version = version or _version_inside(root, f"{folder or '.'}/{entry}")
        if version:
            yield name, version


def _version_inside(root: TargetRoot, folder: str) -> str | None:
    for file in _METADATA_FILES:
        read = root.read_file(f"{folder}/{file}", _MOST_METADATA_BYTES)
        if read is not None:
            return parse_metadata(read[0].decode("utf-8", "replace"))
    return None
