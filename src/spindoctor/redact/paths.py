"""Paths: inside the service they stay, counted from its folder; outside they become `***`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spindoctor.model.process import Process
from spindoctor.redact.names import EVERYBODY
from spindoctor.redact.walk import HIDDEN

INSTALLED = re.compile(
    r".*/((?:site|dist)-packages(?:/.*)?$)|.*?/(lib(?:64)?/python3\.\d+t?(?:/.*)?$)|.*/(python3\d+t?\.zip.*)"
)
"""Where installers and the interpreter put code: what follows is the same on every machine."""

PSEUDO = re.compile(r"<(?:frozen [\w.]+|string|stdin|\*\*\*)>")
KERNEL = re.compile(r"\w+:\[\w*\]|anon_inode:\[?[\w-]+\]?|/dev/(?:null|zero|full|u?random|tty|pts/\d+)")
"""What the kernel calls descriptors without a file (proc(5)), and devices that every system has."""

SHARED = frozenset({"", "/home", "/root", "/srv", "/opt", "/usr", "/var", "/var/lib", "/tmp", "/mnt", "/data", "/etc"})  # noqa: S108 - names, not used
"""Folders that hold more than one service: being in one makes nothing a part of this service."""

SOURCE = ".py"
MODULE = re.compile(r"[a-z_]+\d{0,3}[a-z_]*")
"""How modules are called; a source file with another name was made by a program, which may have made it of anything."""

OUTSIDE = "/***"
INSIDE = "/service"


class Paths:
    """Treats paths; a folder has one pseudonym, and another from then on where it comes to belong to the service."""

    def __init__(self, processes: Sequence[Process], users: Iterable[str]) -> None:
        """The folders of the service are where its processes stand and where they import their own modules from."""
        self._people: frozenset[str] = frozenset()
        self._roots: list[str] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self.meet(processes, users)

    def meet(self, processes: Sequence[Process], users: Iterable[str]) -> None:
        """Take these for the service's, too; the folders that are known keep their places."""
        self._people |= frozenset(users) - EVERYBODY
        roots = [one.cwd for one in processes] + [path for one in processes for path in one.sys_path]
        found = _outermost(path.rstrip("/") for path in roots if _is_own(path))
        self._roots += [one for one in found if self._root(one) is None]

    def code(self, path: str) -> str:
        """A source file or folder: installed code by its package, the service's own from its folder, others by name."""
        if not path or PSEUDO.fullmatch(path):
            return path
        if path.startswith("<"):
            return "<***>"
        if installed := INSTALLED.match(path):
            return f"{OUTSIDE}/{next(filter(None, installed.groups()))}"
        return self._inside(path) or self._outside(path)

    def data(self, path: str) -> str:
        """Any other file, whose very name may tell something: which folder and which file it is, as numbers."""
        if not path or KERNEL.fullmatch(path):
            return path
        folder, _, name = path.removesuffix(" (deleted)").rpartition("/")
        place = INSIDE if self._root(path) else OUTSIDE
        if re.fullmatch(rf"(?:{re.escape(INSIDE)}|/\*\*\*)/folder-\d+", folder) and re.fullmatch(r"file-\d+", name):
            return path
        return f"{place}/folder-{self._number('folder', folder)}/file-{self._number('file', f'{folder}/{name}')}"

    def _root(self, path: str) -> str | None:
        return next((root for root in self._roots if path == root or path.startswith(f"{root}/")), None)

    def _inside(self, path: str) -> str | None:
        root = self._root(path)
        if root is None:
            return None
        number = self._roots.index(root) + 1
        name = INSIDE if number == 1 else f"{INSIDE}-{number}"
        parts = path.removeprefix(root).split("/")
        return name + "/".join(HIDDEN if part in self._people else part for part in parts)

    def _outside(self, path: str) -> str:
        """By its name alone; a second folder with such a name is told from the first by a number."""
        folder, _, name = path.rpartition("/")
        kept = folder.rpartition("/")[2]
        place = f"{OUTSIDE}/bin" if kept == "bin" else OUTSIDE
        if folder.startswith(OUTSIDE):
            return path
        is_made = name.endswith(SOURCE) and not MODULE.fullmatch(name.removesuffix(SOURCE))
        name = HIDDEN if name in self._people else HIDDEN + SOURCE if is_made else name
        number = self._number(f"{place}/{name}", folder)
        return f"{place}/{name}" if number == 1 else f"{place}-{number}/{name}"

    def _number(self, kind: str, name: str) -> int:
        known = self._numbers.get((kind, name))
        if known is None:
            known = 1 + sum(other == kind for other, _ in self._numbers)
            self._numbers[kind, name] = known
        return known


def _is_own(path: str) -> bool:
    """Whether a folder of a process is a service's own: neither shared with others nor made for installed code."""
    bare = path.rstrip("/")
    is_home = re.fullmatch(r"/(?:home|Users)/[^/]+", bare) is not None
    return (
        bare.startswith("/")
        and bare not in SHARED
        and not is_home
        and not INSTALLED.match(f"{bare}/")
        and not bare.endswith(("/bin", ".zip"))
        and not bare.startswith(OUTSIDE)
    )


def _outermost(paths: Iterable[str]) -> list[str]:
    """The folders that lie in none of the others, each once, in their order."""
    every = list(dict.fromkeys(paths))
    return [one for one in every if not any(one.startswith(f"{other}/") for other in every)]
