"""The report for programs: a stable core with a format number, described by `docs/report.schema.json`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from spindoctor.model.outcome import Clear, Figure, Finding, Found, Look, Outcome, Report
from spindoctor.model.process import Process, Target
from spindoctor.report.phrases import missed_by_reason, ranked, verdict

FORMAT = 1
"""Grows when a key of the stable core changes its meaning or goes; new keys do not change it."""

Json = dict[str, Any]


def render(report: Report) -> str:
    """The report as one JSON object (RFC 8259: ASCII only, no NaN), ended by a line break."""
    return json.dumps(finite(plain(report)), indent=2, allow_nan=False) + "\n"


def plain(report: Report) -> Json:
    """The report as dictionaries, lists, strings, numbers and None, as `docs/json.md` describes them."""
    return {
        "format": FORMAT,
        "verdict": verdict(report),
        "target": _target(report.target),
        "look": _look(report.look),
        "ranking": list(report.ranking or dict.fromkeys(slug for slug, _ in ranked(report))),
        "outcomes": [
            {"slug": slug, "title": report.titles.get(slug), **_outcome(answer)}
            for slug, answer in report.outcomes.items()
        ],
        "cleared": [asdict(one) for one in report.cleared],
        "machine": asdict(report.machine),
        "processes": [asdict(one) for one in report.processes],
        "sources": [asdict(one) for one in report.sources],
        "notes": list(report.notes),
        "questions": [{"question": question, "answer": answer} for question, answer in report.questions],
    }


def _target(target: Target) -> Json:
    return {
        "pid": target.hot,
        "leader": target.leader,
        "made_by": target.made_by,
        "ports": list(target.ports),
        "processes": [_process(one) for one in target.processes],
    }


def _process(process: Process) -> Json:
    left_out = ("environment", "sys_path")
    return {key: value for key, value in asdict(process).items() if key not in left_out}


def _look(look: Look) -> Json:
    return {
        "seconds": look.seconds,
        "looks": look.looks,
        "missed": sum(many for _, many in look.missed),
        "missed_reasons": [{"why": why, "count": many} for why, many in missed_by_reason(look)],
        "own_cpu_cores": look.own_cpu_cores,
        "rate_hz": look.rate_hz,
        "incomplete_stacks": look.incomplete_stacks,
        "is_pinned": look.is_pinned,
        "is_interrupted": look.is_interrupted,
        "started_at": look.started_at,
    }


def _outcome(answer: Outcome) -> Json:
    if isinstance(answer, Found):
        return {"outcome": "found", "findings": [_finding(one) for one in answer.findings]}
    if isinstance(answer, Clear):
        return {"outcome": "clear", "looked_at": answer.looked_at, "findings": []}
    return {"outcome": "unsure", "why": answer.why, "findings": []}


def _finding(finding: Finding) -> Json:
    return {
        "claim": finding.claim,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "cost": asdict(finding.cost),
        "explains": finding.explains,
        "culprit": asdict(finding.culprit),
        "culprits": [asdict(one) for one in finding.culprits],
        "evidence": [_figure(one) for one in finding.evidence],
        "against": list(finding.against),
        "candidates": [asdict(one) for one in finding.candidates],
        "upstream": [asdict(one) for one in finding.upstream],
        "now": list(finding.now),
        "fix": list(finding.fix),
        "would_change": finding.would_change,
    }


def _figure(figure: Figure) -> Json:
    return {
        "id": figure.id,
        "claim": figure.claim,
        "value": figure.value,
        "unit": figure.unit,
        "from": figure.source,
    }


def finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """JSON has no word for NaN or infinity; None is "not known"."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
