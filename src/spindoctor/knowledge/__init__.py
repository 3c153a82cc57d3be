"""Names and numbers that are data, not mechanism: known upstream bugs and what to call things."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

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
    try:
        version = Version(installed or "")
    except InvalidVersion:
        return False
    return any(SpecifierSet(one, prereleases=True).contains(version) for one in ranges)
