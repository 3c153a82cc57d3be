"""The forms in which stacks are written to a file: which one is meant, and how each is made."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from spindoctor import session, store
from spindoctor.cli.options import offered, word_of, words_of, writable
from spindoctor.model.recording import Recording


class Form(StrEnum):
    """What a file can hold."""

    HTML = "html"
    SPEEDSCOPE = "speedscope"
    FOLDED = "folded"
    PPROF = "pprof"
    CHROME = "chrome"
    FIREFOX = "firefox"
    SPINREC = "spinrec"


ENDINGS = {
    ".html": Form.HTML,
    ".htm": Form.HTML,
    ".speedscope.json": Form.SPEEDSCOPE,
    ".folded": Form.FOLDED,
    ".txt": Form.FOLDED,
    ".pb.gz": Form.PPROF,
    ".pprof": Form.PPROF,
    ".trace.json": Form.CHROME,
    ".chrome.json": Form.CHROME,
    ".perfetto.json": Form.CHROME,
    ".firefox.json": Form.FIREFOX,
    ".spinrec": Form.SPINREC,
}
"""How a file's name says what it shall hold."""

RENDERERS = {
    Form.SPEEDSCOPE: "speedscope",
    Form.FOLDED: "folded",
    Form.PPROF: "pprof",
    Form.CHROME: "chrome",
    Form.FIREFOX: "firefox",
}

Stacks = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=writable,
        show_default=False,
        help="The file. Its ending chooses the form: .html (flame graph), .speedscope.json, .folded, .pb.gz (pprof), "
        ".trace.json (Chrome, Perfetto), .firefox.json, .spinrec (all that was seen, for replay, dump and export).",
    ),
]
Formed = Annotated[
    Form | None,
    typer.Option(
        "--format",
        metavar=words_of(Form),
        parser=word_of(Form),
        autocompletion=offered(Form),
        show_default=False,
        help="The form, whatever the file's name ends with.",
    ),
]


def form_of(path: Path, wanted: Form | None) -> Form:
    """The form that is asked for, or that the file's name ends with. Raises a usage error where neither says it."""
    if wanted is not None:
        return wanted
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder: name a file in it", param_hint="'-o'")
    name = path.name.lower()
    known = next((form for ending, form in ENDINGS.items() if name.endswith(ending)), None)
    if known is None:
        endings = ", ".join(ENDINGS)
        raise typer.BadParameter(f"{path.name} does not end with one of {endings}; or say --format", param_hint="'-o'")
    return known


def write(recording: Recording, path: Path, form: Form, *, before: Recording | None = None) -> None:
    """Writes a recording's stacks, or how they differ from those `before`. Raises `DoctorError`."""
    if form is Form.SPINREC:
        store.save(recording, path)
    else:
        store.write(path, _rendered(recording, form, before), mode=store.PRIVATE)


def _rendered(recording: Recording, form: Form, before: Recording | None) -> bytes:
    after = session.profile(recording)
    if form is Form.HTML:
        from spindoctor.report.flame import page  # noqa: PLC0415 - only this form needs it

        return page(after, session.profile(before) if before else None)
    content: bytes = import_module(f"spindoctor.report.profile.{RENDERERS[form]}").render(after)
    return content
