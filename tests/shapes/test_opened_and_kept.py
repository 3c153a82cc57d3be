"""What is opened and kept; `# <-` marks the line to be found."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes

FOUND = {
    "added to a list": (
        """
        def ask():
            connection = socket.create_connection(address)  # <-
            connection.sendall(b"x")
            asked.append(connection)
        """,
        "connection-opened-and-kept",
    ),
    "added at once": (
        """
        def export(self):
            self.files.append(tempfile.NamedTemporaryFile())  # <-
        """,
        "file-opened-and-kept",
    ),
    "put into an item": (
        """
        def start(job):
            child = Popen(job, stdout=PIPE)  # <-
            JOBS[job] = child
        """,
        "pipe-opened-and-kept",
    ),
    "put into an attribute": (
        """
        async def session(request):
            client = await http.AsyncClient()  # <-
            request.state.client = client
        """,
        "connection-opened-and-kept",
    ),
}

LEFT_OUT = {
    "let go of": "def f():\n    one = open(path)\n    return one.read()",
    "with": "def f():\n    with open(path) as one:\n        kept.append(one.read())",
    "entered later": "def f():\n    one = open(path)\n    with one:\n        kept.append(one)",
    "closed": "def f():\n    one = socket()\n    kept.append(one)\n    one.close()",
    "the object's own": "class A:\n    def __init__(self):\n        one = open(path)\n        self.one = one",
    "of the module": "one = open(path)\nkept.append(one)",
    "no opener": "def f():\n    one = reopened(path)\n    kept.append(one)",
    "something else is kept": "def f():\n    one = open(path)\n    kept.append(other)",
}


def found(source: str) -> list[tuple[str, int]]:
    return [(one.shape, one.line) for one in find_shapes(textwrap.dedent(source), "/srv/app.py")]


@pytest.mark.parametrize(("source", "shape"), FOUND.values(), ids=FOUND)
def test_what_is_opened_and_kept_is_found(source: str, shape: str) -> None:
    line = next(n for n, text in enumerate(textwrap.dedent(source).splitlines(), 1) if "# <-" in text)

    assert found(source) == [(shape, line)]


@pytest.mark.parametrize("source", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_closed_or_let_go_of_is_left_out(source: str) -> None:
    assert found(source) == []


def test_a_file_that_keeps_all_that_it_opens_is_cut_short() -> None:
    source = "\n".join(f"def f{n}():\n    kept.append(open(path))" for n in range(9))

    assert len(found(source)) == 3
