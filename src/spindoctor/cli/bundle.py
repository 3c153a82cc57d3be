"""`spindoctor bundle`: one file to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spindoctor import session, store
from spindoctor.cli.delivery import page
from spindoctor.cli.options import Quiet, check_outputs
from spindoctor.cli.streams import tell
from spindoctor.errors import ExitCode
from spindoctor.redact import redact
from spindoctor.report import json, markdown
from spindoctor.store import bundles

OTHERS = frozenset({".html", ".md", ".json", ".spinrec", ".txt"})
"""What is in a bundle, or is opened by other programs: under such a name nobody could open it."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def bundle(
    recording: Annotated[Path, typer.Argument(metavar="REC", help="A file that `diagnose --save` or `record` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to make, a ZIP archive.")],
    quiet: Quiet = False,
) -> None:
    """Make one redacted file to share of a saved recording: the recording and its reports.

    Whoever gets it opens report.html in a browser, or `spindoctor replay FILE` to have it judged anew. Nothing in it is
    unredacted. Exit code: 0 written, 2 wrong usage, 3 a file that cannot be read or written.
    """
    if output.suffix.lower() in OTHERS:
        raise typer.BadParameter(f"a bundle is a ZIP archive: {output.with_suffix('.zip').name}", param_hint="'-o'")
    check_outputs(output, sources=[recording])
    safe = redact(store.load(recording))
    report = session.diagnose(safe)
    reports = {
        "report.html": page(safe, report),
        "report.md": markdown.render(report).encode("utf-8", "backslashreplace"),
        "report.json": json.render(report).encode(),
    }
    bundles.save(safe, reports, output)
    if not quiet:
        tell(f"made {output} ({output.stat().st_size:,} bytes), redacted: look through report.md before you share it")
    raise typer.Exit(ExitCode.NOTHING_FOUND)
