"""Records the memory that the checks read, of the self-reporting program on every interpreter: `images/*.json.gz`.

    python tests/cpython/record_images.py

To be run again when the program or the checks ask for something new.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spindoctor.probe.interpreter import Interpreter

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from cases import TARGET, Case, Recorder, live_case, write_image  # noqa: E402 - the path comes first
from checks import CHECKS  # noqa: E402
from interpreters import SUPPORTED, python  # noqa: E402


def record(version: str) -> int:
    """Record one version; the size of the image in bytes."""
    interpreter = python(version)
    with live_case(version, interpreter.command(interpreter.place(TARGET))) as case:
        live = case.interpreter
        recorder = Recorder(live.memory)
        found = Interpreter(live.pid, recorder, live.layout, live.runtime_address, live.version)
        recorded = Case(version, case.told, found)
        for check in CHECKS:
            check(recorded)
        return write_image(recorded, recorder)


def main() -> None:
    """Record all versions."""
    for version in SUPPORTED:
        sys.stdout.write(f"{version}: {record(version)} bytes\n")


if __name__ == "__main__":
    main()
