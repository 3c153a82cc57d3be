"""Names and numbers that are data, not mechanism: known upstream bugs and what to call things."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from spindoctor.model.outcome import Finding, Upstream


@functools.cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def known_bugs(slug: str, finding: Finding, packages: dict[str, str]) -> tuple[Upstream, ...]:
    """Upstream bugs with this mechanism, of versions installed here, whose marks the finding's evidence bears.

    `packages` maps normalised distribution names to versions. An entry's `evidence` names figures by id and the values
    they must have; a figure that was not measured does not match.
    """
    figures = {figure.id: figure.value for figure in finding.evidence}
    return tuple(
        Upstream(bug["package"], packages[bug["package"]], bug["fixed_in"], bug["url"], bug.get("note", ""))
        for bug in _table("upstream").get("bug", [])
        if bug["slug"] == slug
        and _is_affected(packages.get(bug["package"]), bug["affected"])
        and all(figures.get(name) == value for name, value in bug.get("evidence", {}).items())
    )


def _is_affected(installed: str | None, ranges: list[str]) -> bool:
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415 - most looks end without a known bug
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - as above

    try:
        version = Version(installed or "")
    except InvalidVersion:
        return False
    return any(SpecifierSet(one, prereleases=True).contains(version) for one in ranges)


@dataclass(frozen=True, slots=True)
class Reload:
    """A reloader by the marks it leaves: an option on a program's command line, an environment name, a thread's name.

    `program` is a part of the command line without which the option means something else, empty for any. `thread` is
    the beginning of the kernel's name of a native thread, `polls` whether it asks for the state of files again and
    again.
    """

    name: str
    program: str = ""
    options: tuple[str, ...] = ()
    environment: str = ""
    thread: str = ""
    polls: bool = False


def reloads() -> tuple[Reload, ...]:
    """The reloaders that are known by name."""
    found = _table("settings").get("reload", [])
    return tuple(Reload(**{**one, "options": tuple(one.get("options", ()))}) for one in found)


def debug_paths() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Modules, and the attributes by which an application's debug setting is reached in them."""
    return tuple((one["module"], tuple(one["path"])) for one in _table("settings").get("debug", []))
