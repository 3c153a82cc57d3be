"""The survey for programs: `docs/json.md` describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from spindoctor.model.survey import ProcessLoad, ServiceUse, Survey
from spindoctor.report.json import Json, finite

FORMAT = 1
"""Grows when a key changes its meaning or goes; new keys do not change it."""


def render(survey: Survey) -> str:
    """The survey as one JSON object (RFC 8259: ASCII only, no NaN), ended by a line break."""
    return json.dumps(finite(plain(survey)), indent=2, allow_nan=False) + "\n"


def plain(survey: Survey) -> Json:
    """The survey as dictionaries, lists, strings, numbers and None; services busiest first."""
    return {
        "format": FORMAT,
        "interval_s": survey.interval_s,
        "machine": asdict(survey.machine),
        "services": [_service(one) for one in survey.services],
        "processes": survey.processes,
        "hidden": survey.hidden,
        "notes": list(survey.notes),
    }


def _service(one: ServiceUse) -> Json:
    return {
        "leader": one.leader,
        "hottest": one.hottest.pid,
        "name": one.name,
        "made_by": one.made_by,
        "ports": list(one.ports),
        "cores": one.cores,
        "machine_share": one.machine_share,
        "quota_cores": one.quota_cores,
        "quota_share": one.quota_share,
        "age_s": one.age_s,
        "cpu_s": one.cpu_s,
        "rss_bytes": one.rss_bytes,
        "processes": [_process(process) for process in one.processes],
    }


def _process(one: ProcessLoad) -> dict[str, Any]:
    threads = [
        {**asdict(thread), "is_pegged": thread.is_pegged, "pegged_for_s": thread.pegged_for_s} for thread in one.threads
    ]
    return {**asdict(one), "threads": threads}
