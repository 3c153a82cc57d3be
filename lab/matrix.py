"""Tries all rules on the cases of the lab, sick and cured, and writes what was right and wrong: docs/verdicts.md.

`python lab/matrix.py [--wide] [--repeat 3] [--python 3.8 --python 3.12] [--background] [SLUG ...]`. Without `--wide`
each case is tried on the few Pythons that it names. Every look is kept in `.lab/looks.jsonl` as soon as it is made; a
run that is begun again goes on where the last one ended, `--fresh` begins anew. The page is made of all that is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import verdict_page
from run import LabError, pythons
from trials import Trial, first_verdict, has_candidate, missed_places, trials
from verdicts import NoVerdictError, Verdict

REPO = Path(__file__).resolve().parents[1]
KEPT = REPO / ".lab" / "looks.jsonl"
SEEN = REPO / ".lab" / "seen.spinrec"
"""What the last look saw; of one that was wrong it is kept beside the looks, to be judged again."""

PAGE = REPO / "docs" / "verdicts.md"

Look = dict[str, Any]


def main() -> int:
    """Run from the command line; exit status 1 if a verdict was wrong."""
    options = _arguments()
    if options.fresh:
        KEPT.unlink(missing_ok=True)
    done = {(look["trial"], look["round"], look["background"]) for look in _kept()}
    for trial, number, background in _planned(options):
        if (str(trial), number, background) not in done:
            with contextlib.suppress(LabError, NoVerdictError):
                look_once(trial, pythons.find_interpreters()[trial.version], number=number, background=background)
    looks = _kept()
    PAGE.write_text(verdict_page.page(looks))
    print(f"{len(looks)} looks, written to {PAGE.relative_to(REPO)}")
    return int(any(look["wrong"] for look in looks))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slug", nargs="*", help="only the cases filed under these")
    parser.add_argument("--wide", action="store_true", help="every Python that a case runs on")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--python", action="append", default=[], help="only these versions")
    parser.add_argument("--background", action="store_true", help="also with half a core of other load")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run kept")
    return parser.parse_args()


def _planned(options: argparse.Namespace) -> Iterator[tuple[Trial, int, bool]]:
    """What is to be tried: round by round, so that a run that is cut short has tried everything alike."""
    tried = [trial for which in ("sick", "cured") for trial in trials(which, is_wide=options.wide)]
    wanted = [
        trial
        for trial in tried
        if trial.version in (options.python or pythons.SUPPORTED)
        and (not options.slug or trial.case.slug in options.slug)
    ]
    for number in range(options.repeat):
        for background in (False, True) if options.background else (False,):
            yield from ((trial, number, background) for trial in wanted)


def look_once(trial: Trial, interpreter: pythons.Interpreter, *, number: int = 0, background: bool = False) -> Verdict:
    """Make one look and keep what it was worth.

    Raises:
        LabError, NoVerdictError: there was nothing to look at, or no report.
    """
    about = _about(trial) | {"round": number, "background": background, "load": os.getloadavg()[0]}
    KEPT.parent.mkdir(exist_ok=True)
    try:
        verdict = trial.verdict(interpreter, SEEN, background=background)
    except (LabError, NoVerdictError) as problem:
        _keep(about | {"first": None, "place": None, "wrong": str(problem).splitlines()[0]})
        raise
    look = about | (_sick(trial, verdict) if trial.which == "sick" else _healthy(trial, verdict))
    _keep(look)
    if look["wrong"]:
        SEEN.replace(_free(str(trial).replace("/", "-")))
    SEEN.unlink(missing_ok=True)
    return verdict


def _free(name: str) -> Path:
    """Where the recording of one more wrong look of this name goes."""
    return next(path for n in itertools.count(1) if not (path := KEPT.with_name(f"{name}-wrong-{n}.spinrec")).exists())


def _about(trial: Trial) -> Look:
    expected = trial.case.expected_on(trial.version)[0] if trial.which == "sick" else None
    return {"trial": str(trial), "which": trial.which, "python": trial.version, "expected": expected}


def _sick(trial: Trial, verdict: Verdict) -> Look:
    first = first_verdict(verdict)
    expected = trial.case.expected_on(trial.version)[0]
    has_marks = bool(trial.case.marks() or trial.case.marks("candidate"))
    is_there = not missed_places(trial, verdict) and has_candidate(trial, verdict)
    wrong = f"first verdict {first}" if first != expected else "" if is_there or not has_marks else "another line"
    return {"first": first, "place": is_there if has_marks else None, "wrong": wrong}


def _healthy(trial: Trial, verdict: Verdict) -> Look:
    first = next((slug for slug in verdict.ranking if slug not in trial.case.may), None)
    return {"first": first, "place": None, "wrong": f"false alarm {first}" if first else ""}


def _keep(look: Look) -> None:
    print(
        f"{look['trial']}{' with background load' if look['background'] else ''}: {look['wrong'] or 'right'}",
        flush=True,
    )
    with KEPT.open("a") as file:
        file.write(json.dumps(look) + "\n")


def _kept() -> list[Look]:
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


if __name__ == "__main__":
    sys.exit(main())
