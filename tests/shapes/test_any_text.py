"""Source text is untrusted: whatever it is, the search ends quietly and soon."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindoctor.shapes import MOST_CANDIDATES, MOST_CHARACTERS, find_shapes

WORDS = st.sampled_from(
    [
        "async def f():\n",
        "async with create_task_group() as tg:\n",
        "    ",
        "yield 1\n",
        "s.listen(1)\n",
        "s.start(2)\n",
        "stack.enter_async_context(TaskGroup())\n",
        "pass\n",
        "(",
        "lambda: ",
        "@asynccontextmanager\n",
        "class A:\n",
    ]
)


@given(st.text() | st.lists(WORDS).map("".join))
def test_any_text_gives_candidates_and_never_an_error(source: str) -> None:
    assert all(one.file == "/x.py" and one.line > 0 for one in find_shapes(source, "/x.py"))


@pytest.mark.parametrize(
    "source",
    [
        "\0",
        "\ud800",
        "print 'python 2'",
        "(" * 10_000,
        "x = " + "-" * 100_000 + "1",
        "x" + ".a" * 50_000,
        "x" + "()" * 50_000,
        "# " + "a" * MOST_CHARACTERS,
        "path = '\\d'",
    ],
)
def test_hostile_text_gives_nothing(source: str) -> None:
    assert find_shapes(source, "/x.py") == ()


def test_a_file_full_of_places_gives_the_first_ones() -> None:
    source = "async def f():\n with CancelScope():\n" + "  yield 1\n" * 1000

    assert len(find_shapes(source, "/x.py")) == MOST_CANDIDATES


@pytest.mark.parametrize(
    "line", [" s.enter_async_context(TaskGroup())\n", " p.start()\n", " with CancelScope(): yield\n", " g()\n"]
)
def test_the_work_grows_with_the_text_and_no_faster(line: str) -> None:
    """A quadratic search would take minutes on this many lines."""
    source = "def g():\n s.listen(1)\n s.start(2)\nasync def f():\n" + line * 4_000

    before = time.process_time()
    find_shapes(source, "/x.py")

    assert time.process_time() - before < 20
