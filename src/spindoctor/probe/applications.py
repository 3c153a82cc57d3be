"""Which installed code is the service itself: what its command line starts, where nothing of the user's own was loaded.

A service may be installed like any library: its code lies in `site-packages`, and the mistake in it is the user's all
the same. It is told from the libraries by what the command names (a console script, `-m`, an import string such as
`shop.web:app`), less what some installed distribution asks for (`Requires-Dist`, extras included).
Sources: the "Core metadata" and "Entry points" specifications (PyPA), `python -h`.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from spindoctor.model.frames import Frame
from spindoctor.model.origin import INSTALLED, is_library
from spindoctor.model.process import Process
from spindoctor.probe.imported import Imported
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.launchers import launched
from spindoctor.probe.packages import normalise, parse_info_name
from spindoctor.probe.root import TargetRoot

PYTHON = re.compile(r"(^|/)python[\d.]*t?$")
WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
"""The interpreter's own options that take the next word."""

WORD = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
STARTS = re.compile(r"^\s*(?:from|import) ([A-Za-z_]\w*)", re.MULTILINE)
"""What a console script imports: installers write `from shop.cli import main`."""

MAIN = frozenset({"__main__", "__mp_main__"})
SCRIPT = re.compile(r"(^|/)bin/[^/]+$")
"""Where installers put console scripts."""

REQUIRES = re.compile(r"^Requires-Dist: ([A-Za-z0-9][\w.-]*)", re.MULTILINE)
MOST_SCRIPT_BYTES = 4096
MOST_METADATA_BYTES = 1 << 20
MOST_DISTRIBUTIONS = 1000


class OwnCode:
    """Tells the service's own code in one process. `beginnings` are those of the files that were installed."""

    def __init__(
        self, interpreter: Interpreter, imported: Imported, is_user: Callable[[Frame], bool], started: Iterable[Process]
    ) -> None:
        """Of the process behind `interpreter`; `started` says how it, or the service as a whole, was started."""
        self._is_user = is_user
        root, tops, started = TargetRoot(interpreter.pid), imported.tops(), tuple(started)
        main = next(tops)
        names = _launched(root, posixpath.join(started[0].cwd or "/", main[1]))
        installed = installed_modules(tops if names else itertools.chain((main,), tops))
        by_command = (own for one in started if (own := own_folders(root, one.command, installed)))
        self.beginnings = _without_required(root, names, installed) if names else next(by_command, ())
        interpreter.take_as_own(self.beginnings)

    def has(self, file: str) -> bool:
        """Whether a file holds the service's own code."""
        return bool(file) and self._is_user(Frame("", file, 0, file.startswith(self.beginnings)))


def installed_modules(modules: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Where installed top-level modules lie, by name: a folder with a stroke behind it, or a file.

    `modules` are those that are loaded, with their files, without the standard library's; no more of them are asked for
    when one is the user's own: then what is installed are libraries, and the answer is empty.
    """
    found: dict[str, str] = {}
    for name, file in modules:
        if _is_users(name, file):
            return {}
        if place := _place(name, file):
            found[name] = place
    return found


def own_folders(root: TargetRoot, command: Sequence[str], installed: Mapping[str, str]) -> tuple[str, ...]:
    """The folders (and files) of those installed modules that the command starts."""
    if not installed:
        return ()
    launcher, words = _started(root, command)
    named = [name for name in words if name in installed and name != launcher] or [launcher]
    return _without_required(root, named, installed)


def _launched(root: TargetRoot, file: str) -> tuple[str, ...]:
    """The packages that a script of the user's starts; console scripts are asked for theirs by the command."""
    is_script = bool(posixpath.basename(file)) and not is_library(file) and not SCRIPT.search(file)
    read = root.read_file(file, MOST_SCRIPT_BYTES) if is_script else None
    return launched(read[0].decode("utf-8", "replace")) if read else ()


def _without_required(root: TargetRoot, named: Iterable[str], installed: Mapping[str, str]) -> tuple[str, ...]:
    """The folders (and files) of those of the named modules that are installed and that no distribution asks for."""
    found = [name for name in dict.fromkeys(named) if name in installed]
    wanted = _required(root, {posixpath.dirname(installed[name].rstrip("/")) for name in found}) if found else set()
    return tuple(installed[name] for name in found if normalise(name) not in wanted)


def _place(name: str, file: str) -> str:
    """The folder of an installed package with a stroke behind it, or the file of a module; empty for anything else."""
    if not INSTALLED.search(file):
        return ""
    head, found, _ = file.rpartition(f"/{name}/__init__.py")
    return f"{head}/{name}/" if found else file


def _is_users(name: str, file: str) -> bool:
    """Whether a module is neither installed, nor the interpreter's, nor a script that may merely start another."""
    if name in MAIN and SCRIPT.search(file):
        return False
    return bool(file) and not is_library(file)


def _started(root: TargetRoot, command: Sequence[str]) -> tuple[str, list[str]]:
    """The package that a command line starts, and the first parts of all dotted names among its arguments."""
    words = list(command)
    if words and PYTHON.search(words[0]):
        words = list(_after_options(words[1:]))
    if words[:1] == ["-m"]:
        launcher, rest = ".".join(words[1:2]).partition(".")[0], words[2:]
    else:
        launcher, rest = _launcher(root, words[:1]), words[1:]
    if not launcher:  # a process may have written a title over its command: "serve: worker [shop.web:app]"
        launcher, rest = ".".join(WORD.findall(posixpath.basename("".join(words[:1])))[:1]), words
    return launcher, [one.partition(".")[0] for text in rest for one in WORD.findall(text)]


def _after_options(words: Sequence[str]) -> Iterator[str]:
    """What follows the interpreter's own options, `-m` included."""
    place = 0
    while place < len(words) and words[place].startswith("-") and words[place] not in {"-m", "-c"}:
        place += 2 if words[place] in WITH_VALUE else 1
    yield from words[place:]


def _launcher(root: TargetRoot, script: Sequence[str]) -> str:
    """The package whose function a console script calls; empty for a script that does more than that."""
    read = root.read_file(script[0], MOST_SCRIPT_BYTES) if script else None
    text = read[0].decode("utf-8", "replace") if read else ""
    names = STARTS.findall(text) if "sys.exit(" in text and "def " not in text else []
    return next((name for name in names if name not in sys.stdlib_module_names), "")


def _required(root: TargetRoot, folders: Iterable[str]) -> set[str]:
    """The distributions that some distribution in these folders asks for, by normalised name."""
    found: set[str] = set()
    for folder in folders:
        for entry in root.list_folder(folder)[:MOST_DISTRIBUTIONS]:
            if entry.endswith("-info") and parse_info_name(entry):
                read = root.read_file(f"{folder}/{entry}/METADATA", MOST_METADATA_BYTES)
                text = read[0].decode("utf-8", "replace") if read else ""
                found.update(map(normalise, REQUIRES.findall(text)))
    return found
