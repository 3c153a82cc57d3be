"""The JSON is the documented one, whatever the report holds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from example_reports import BLIND, EVERY, SICK, SPIN

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Found, Report
from spindoctor.report.json import plain, render

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())


def undocumented(value: Any, schema: dict[str, Any], where: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Keys of `value` that the schema does not name."""
    if "$ref" in schema:
        return undocumented(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], where)
    if isinstance(value, list):
        return [key for one in value for key in undocumented(one, schema.get("items", {}), where)]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    extra = [f"{where}/{key}" for key in value if key not in known]
    return extra + [
        one for key in known.keys() & value for one in undocumented(value[key], known[key], f"{where}/{key}")
    ]


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", EVERY)
def test_every_report_follows_the_schema(name: str) -> None:
    printed = json.loads(render(EVERY[name]))

    jsonschema.validate(printed, SCHEMA)


@pytest.mark.parametrize("name", EVERY)
def test_every_key_is_documented(name: str) -> None:
    assert undocumented(json.loads(render(EVERY[name])), SCHEMA) == []


def test_a_finding_without_why_or_figures_does_not_follow_the_schema() -> None:
    """The schema is strict enough to notice a missing part."""
    broken = plain(SICK)
    del broken["outcomes"][1]["findings"][0]["claim"]

    with pytest.raises(jsonschema.ValidationError, match="'claim' is a required property"):
        jsonschema.validate(json.loads(json.dumps(broken)), SCHEMA)


def test_the_stable_core_holds_what_the_report_holds() -> None:
    printed = json.loads(render(SICK))

    found = {one["slug"]: one for one in printed["outcomes"]}
    spin = found["undeliverable-cancellation"]["findings"][0]
    assert printed["format"] == 1
    assert printed["ranking"] == ["undeliverable-cancellation", "pool-exhausted", "single-core-ceiling"]
    assert printed["look"]["missed"] == 2
    assert printed["look"]["missed_reasons"] == [{"why": "torn read", "count": 2}]
    assert found["gil-contention"]["looked_at"] == "298 looks, 0 threads that waited for the GIL"
    assert found["forked-event-loop"]["why"] == "descriptors of pid 4242 could not be read; run with sudo"
    assert spin["evidence"][0] == {
        "id": "loop_never_sleeps",
        "claim": "the loop gave its selector no time",
        "value": 0.996,
        "unit": "share",
        "from": "298 looks at the loop",
    }
    assert spin["culprit"]["line"] == 42
    assert spin["culprits"][0]["task"] == "Task-18"


def test_a_report_without_a_ranking_ranks_what_was_found() -> None:
    assert plain(replace(SICK, ranking=()))["ranking"] == [
        "pool-exhausted",
        "single-core-ceiling",
        "undeliverable-cancellation",
    ]


def test_values_of_the_environment_and_import_paths_stay_out() -> None:
    printed = render(SICK)

    assert "DATABASE_URL" not in printed
    assert "sys_path" not in printed


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_null(value: float) -> None:
    finding = replace(SPIN, cost=Cost(cores=value), evidence=(Figure("x", "x", value, "", "x"),))

    printed = json.loads(render(replace(SICK, outcomes={"a": Found((finding,))})))

    assert printed["outcomes"][0]["findings"][0]["cost"]["cores"] is None
    assert printed["outcomes"][0]["findings"][0]["evidence"][0]["value"] is None
    jsonschema.validate(printed, SCHEMA)


def test_names_that_are_no_utf8_can_be_printed_and_come_back() -> None:
    culprit = Culprit(file="/srv/\udce4.py", function="\x1b[2J")
    report = replace(SICK, outcomes={"a": Found((replace(SPIN, culprit=culprit),))})

    printed = render(report)

    assert printed.isascii()
    assert json.loads(printed)["outcomes"][0]["findings"][0]["culprit"]["file"] == "/srv/\udce4.py"


def test_a_report_of_nothing_is_still_whole() -> None:
    report = Report(BLIND.target, BLIND.machine, BLIND.look, {"a": Clear("nothing")})

    jsonschema.validate(json.loads(render(report)), SCHEMA)
