"""Keeps the modification times of source files far from where it sleeps, with paths longer than an excerpt of text."""

import pathlib
import sys
import time

FOLDER = "/srv/" + "a-long-name/" * 20


class Reloader:
    """Holds the times by pathlib's paths or by plain text."""

    def __init__(self, kind: type) -> None:
        self.kept = {kind(f"{FOLDER}module_{number}.py"): 1.7e9 + number for number in range(30)}

    def run(self) -> None:
        descend(20)


def descend(depth: int) -> None:
    if depth:
        descend(depth - 1)
    else:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(30)


Reloader(pathlib.Path if sys.argv[1] == "path" else str).run()
