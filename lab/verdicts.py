"""Runs `spindoctor diagnose PID --json` on a service of the lab, and what a test may ask of the answer."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

SPINDOCTOR = Path(sys.executable).with_name("spindoctor")
LOOK_S = 3
PATIENCE_S = 60  # a look, the start of the tool, and a machine that is busy with the service
READABLE = (0, 1)  # exit codes with which a report comes: nothing found, findings


class NoVerdictError(AssertionError):
    """The doctor gave no report."""


@dataclass(frozen=True)
class Verdict:
    """One report, as its JSON."""

    report: dict[str, Any]

    @property
    def ranking(self) -> list[str]:
        """The mechanisms found, the costliest first, without those that are no fault."""
        return [slug for slug in self.report["ranking"] if self.faults(slug)]

    def findings(self, slug: str) -> list[dict[str, Any]]:
        """All findings of a mechanism."""
        outcomes = [outcome for outcome in self.report["outcomes"] if outcome["slug"] == slug]
        return [finding for outcome in outcomes for finding in outcome.get("findings") or ()]

    def faults(self, slug: str) -> list[dict[str, Any]]:
        """The findings of a mechanism that are more than information."""
        return [finding for finding in self.findings(slug) if finding["severity"] != "info"]

    def places(self, slug: str) -> set[tuple[tuple[str, ...], int]]:
        """Where the findings of a mechanism put the blame: the end of the file's path, and the line."""
        blamed = [culprit for finding in self.findings(slug) for culprit in _culprits(finding)]
        return {(ending(culprit["file"]), culprit["line"]) for culprit in blamed if culprit.get("file")}

    def candidates(self, slug: str) -> set[tuple[tuple[str, ...], int]]:
        """The places that have the shape of the mistake."""
        offered = [candidate for finding in self.findings(slug) for candidate in finding.get("candidates") or ()]
        return {(ending(candidate["file"]), candidate["line"]) for candidate in offered}

    def summary(self) -> str:
        """What to show when an assertion fails."""
        lines = [f"ranking: {self.report['ranking']}"]
        for outcome in self.report["outcomes"]:
            told = [f"{each['severity']}: {each['claim']}" for each in outcome.get("findings") or ()]
            lines.extend(f"{outcome['slug']}: {text}" for text in told or [outcome.get("why") or outcome["outcome"]])
        return "\n".join(lines)


def ending(path: str) -> tuple[str, ...]:
    """Case and program of a source file, whatever folder it was run from: slug, variant, name."""
    return PurePosixPath(path).parts[-3:]


def diagnose(pid: int, recording: Path) -> Verdict:
    """Let the doctor look at a process; the report. What was seen is saved in `recording`."""
    command = [str(SPINDOCTOR), "diagnose", str(pid), "--json", "--seconds", str(LOOK_S), "--save", str(recording)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode not in READABLE:
        raise NoVerdictError(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
    return Verdict(json.loads(done.stdout))


def _culprits(finding: dict[str, Any]) -> list[dict[str, Any]]:
    """The culprit of a finding and its further ones."""
    return [culprit for culprit in (finding.get("culprit"), *(finding.get("culprits") or ())) if culprit]
