"""Whatever a report holds, every form of it can be made, and the JSON is the documented one."""

from __future__ import annotations

import dataclasses
import json
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spindoctor.model.outcome import Report
from spindoctor.report import json as report_json
from spindoctor.report import markdown, terminal

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(0, 2**40),
    float: st.floats(0, 1e9) | st.just(float("nan")) | st.just(float("inf")),
    str: st.text(st.characters(), max_size=8),
    bool: st.booleans(),
    types.NoneType: st.none(),
}
SLUG = st.sampled_from(["callback-storm", "gil-contention", "nothing-wrong"])
FEW = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Reports are large: many of them, or shrinking one, would take minutes."""


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a type
    """Any value of a type made of dataclasses, tuples, dictionaries, unions and plain types."""
    if kind in LEAVES:
        return LEAVES[kind]
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{one.name: values(hints[one.name]) for one in dataclasses.fields(kind)})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    members = [values(one) for one in arguments if one is not Ellipsis]
    if origin in (Union, types.UnionType):
        return st.one_of(*members)
    if origin is dict:
        return st.dictionaries(SLUG, members[1], max_size=2)
    assert origin is tuple, f"no strategy for {kind}"
    return st.lists(members[0], max_size=2).map(tuple) if arguments[-1] is Ellipsis else st.tuples(*members)


def reports() -> st.SearchStrategy[Report]:
    """Any report in which what is called found has a finding: a rule that finds nothing says `Clear`."""
    return values(Report).filter(lambda one: all(getattr(each, "findings", True) for each in one.outcomes.values()))


@given(reports(), st.integers(0, 200), st.booleans())
@FEW
def test_any_report_can_be_read_on_a_terminal_and_in_a_ticket(report: Report, width: int, color: bool) -> None:  # noqa: FBT001
    for text in (terminal.render(report, width=width, color=color), markdown.render(report)):
        assert text.endswith("\n")
        text.encode()


@given(reports())
@FEW
def test_the_json_of_any_report_follows_the_schema(report: Report) -> None:
    VALIDATOR.validate(json.loads(report_json.render(report)))
