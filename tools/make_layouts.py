"""Writes the layout tables in src/spindoctor/cpython/layouts/ from the headers of installed interpreters.

    python tools/make_layouts.py INCLUDE_DIRECTORY...      (.../include/python3.12 and so on)

Each table says where one minor version of CPython keeps what the decoders read. The offsets come from a small C program
(layout_probe.c) that is compiled against the headers and prints offsetof(). For versions that publish a table of their
own in the process (`_Py_DebugOffsets`, 3.13+), the layout holds the *positions* in that table, and only such offsets
that the table does not have.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent
LAYOUTS = TOOLS.parent / "src" / "spindoctor" / "cpython" / "layouts"
FORMAT = 1
PUBLISHED_HEADERS = ("pycore_debug_offsets.h", "pycore_runtime.h")


def patch_version(include: Path) -> str:
    """`3.12.1` from `#define PY_VERSION`."""
    found = re.search(r'#define PY_VERSION\s+"([^"+]+)', (include / "patchlevel.h").read_text())
    if found is None:
        raise SystemExit(f"{include}/patchlevel.h does not say which version it is")
    return found.group(1)


def platform_name() -> str:
    """`x86_64-linux`: machine and system the compiler builds for."""
    return f"{platform.machine()}-{sys.platform}"


def published_names(include: Path) -> list[str]:
    """Dotted names of the members of `_Py_DebugOffsets`, in their order; empty where there is no such table."""
    for header in PUBLISHED_HEADERS:
        path = include / "internal" / header
        text = path.read_text() if path.exists() else ""
        found = re.search(r"typedef struct _Py_DebugOffsets \{(.*?)\n\} _Py_DebugOffsets;", text, re.DOTALL)
        if found:
            return _members(re.sub(r"//[^\n]*", "", found.group(1)))
    return []


def _members(body: str) -> list[str]:
    names = []
    for section, name, plain in re.findall(
        r"struct(?: \w+)? ?\{(.*?)\} (\w+);|(?:uint64_t|char) (\w+)(?:\[8\])?(?: _Py_NONSTRING)?;", body, re.DOTALL
    ):
        names += [plain] if plain else [f"{name}.{member}" for member in re.findall(r"uint64_t (\w+);", section)]
    return names


def published_probe(names: list[str]) -> str:
    """C statements that print the position of each published member, and the size of the whole."""
    lines = [f'NUMBER("@{name}", offsetof(_Py_DebugOffsets, {name}));' for name in names]
    return "\n".join([*lines, 'NUMBER("@@size", sizeof(_Py_DebugOffsets));'])


def compile_and_run(include: Path, published: list[str]) -> dict[str, int]:
    """What layout_probe.c prints when it is built against the headers in `include`."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "layout_published.h").write_text(published_probe(published))
        binary = Path(folder) / "probe"
        places = [f"-I{path}" for path in (folder, include, include / "internal", *_multiarch(include))]
        command = ["cc", "-w", "-std=gnu11", *places, str(TOOLS / "layout_probe.c"), "-o", str(binary)]
        subprocess.run(command, check=True)
        output = subprocess.run([str(binary)], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in (line.split() for line in output.splitlines())}


def _multiarch(include: Path) -> list[Path]:
    """Debian keeps pyconfig.h in a folder of its own beside the headers."""
    machine = include.parent / str(sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu")
    return [include.parent, machine] if machine.exists() else []


def make_layout(include: Path) -> dict[str, Any]:
    """The layout table of the interpreter whose headers lie in `include`."""
    published = published_names(include)
    values = compile_and_run(include, published)
    layout: dict[str, Any] = {
        "format": FORMAT,
        "version": ".".join(patch_version(include).split(".")[:2]),
        "platform": platform_name(),
        "source": f"offsetof() over the headers of CPython {patch_version(include)}, default build",
        "offsets": {k: v for k, v in sorted(values.items()) if k[0] not in "@=" and k not in published},
        "constants": {k[1:]: v for k, v in sorted(values.items()) if k[0] == "="},
    }
    if published:
        fields = {k[1:]: v for k, v in values.items() if k[0] == "@" and k != "@@size"}
        layout["published"] = {"size": values["@@size"], "fields": fields}
    return layout


def file_name(layout: dict[str, Any]) -> str:
    """`cpython-3.12-x86_64-linux.json`."""
    return f"cpython-{layout['version']}-{layout['platform']}.json"


def render(layout: dict[str, Any]) -> str:
    """The text of the layout's file."""
    return json.dumps(layout, indent=1) + "\n"


def main() -> None:
    """Write one file for each include folder named on the command line."""
    for include in sys.argv[1:]:
        layout = make_layout(Path(include))
        (LAYOUTS / file_name(layout)).write_text(render(layout))
        print(file_name(layout), len(layout["offsets"]), "offsets")


if __name__ == "__main__":
    main()
