"""Calls that turn the debug mode of asyncio on; `# <-` marks the line to be found."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes


def places(source: str) -> list[tuple[str, int]]:
    return [(one.shape, one.line) for one in find_shapes(textwrap.dedent(source), "/srv/app.py")]


def marked(source: str) -> list[int]:
    return [number for number, line in enumerate(textwrap.dedent(source).splitlines(), 1) if "# <-" in line]


FOUND = {
    "set_debug": """
        async def main():
            asyncio.get_running_loop().set_debug(True)  # <-
        """,
    "run": """
        asyncio.run(main(), debug=settings.DEBUG)  # <-
        """,
    "Runner under another name": """
        from asyncio import Runner as Start
        with Start(debug=True) as runner:  # <-
            runner.run(main())
        """,
}

LEFT_OUT = {
    "turned off": "loop.set_debug(False)",
    "no debug": "asyncio.run(main())",
    "debug=False": "asyncio.run(main(), debug=False)",
    "another function": "connect(debug=True)",
}


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_a_call_that_turns_debug_mode_on_is_found(source: str) -> None:
    assert places(source) == [("asyncio-debug", line) for line in marked(source)]


@pytest.mark.parametrize("source", LEFT_OUT.values(), ids=LEFT_OUT)
def test_other_calls_are_left_out(source: str) -> None:
    assert places(source) == []
