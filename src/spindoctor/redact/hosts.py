"""The services of a host without what their owners would not show to strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spindoctor.model.survey import ProcessLoad, ServiceUse, Survey
from spindoctor.redact.commands import redact_command
from spindoctor.redact.names import Names
from spindoctor.redact.paths import Paths
from spindoctor.redact.sentences import Sentences
from spindoctor.redact.walk import HIDDEN, Treatment, rebuild

SURVEY_TREATMENTS: dict[str, str] = {
    "Neighbour.name": "name",
    "ProcessLoad.command": "nothing",
    "ProcessLoad.role": "ours",
    "ProcessLoad.user": "user",
    "ServiceUse.made_by": "ours",
    "ServiceUse.name": "name",
    "Survey.notes": "sentence",
    "ThreadLoad.name": "name",
}
"""What happens to each text of a survey, as in `TREATMENTS`; commands are treated as a whole."""


def redact_survey(survey: Survey) -> Survey:
    """The survey with users, paths, commands and names hidden; programs, options, pids, ports and figures stay."""
    users = frozenset(process.user for service in survey.services for process in service.processes)
    names, paths = Names(users), Paths((), users)
    names.learn(service.made_by for service in survey.services)
    treatments: dict[str, Treatment] = {
        "ours": str,
        "name": names.words,
        "sentence": Sentences(names).scrub,
        "user": lambda text: names.pseudonym("user", text),
        "nothing": lambda _: HIDDEN,
    }
    safe = rebuild(survey, {name: treatments.get(kind) for name, kind in SURVEY_TREATMENTS.items()}, {})
    pairs = zip(survey.services, safe.services, strict=True)
    return replace(safe, services=tuple(_with_commands(*pair, names, paths) for pair in pairs))


def _with_commands(before: ServiceUse, after: ServiceUse, names: Names, paths: Paths) -> ServiceUse:
    modules = frozenset({before.made_by})

    def shown(old: ProcessLoad, new: ProcessLoad) -> ProcessLoad:
        return replace(new, command=redact_command(old.command, names, paths, modules))

    pairs = zip(before.processes, after.processes, strict=True)
    return replace(after, processes=tuple(shown(*pair) for pair in pairs))


def redact_commands(commands: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each text with the command line that it is of, made harmless: programs, scripts and names of options stay."""
    names, paths = Names(()), Paths((), ())
    return {text: " ".join(redact_command(command, names, paths, frozenset())) for text, command in commands.items()}
