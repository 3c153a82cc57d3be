"""A scope that one coroutine enters and leaves open for another to close."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes


def places(source: str) -> list[tuple[str, str, int]]:
    return [(one.shape, one.function, one.line) for one in find_shapes(textwrap.dedent(source), "/srv/app.py")]


@pytest.mark.parametrize(
    "entry",
    [
        "await self.stack.enter_async_context(stdio_client(parameters))",
        "await stack.enter_async_context(anyio.create_task_group())",
        "await anyio.create_task_group().__aenter__()",
    ],
)
def test_an_entry_that_the_function_does_not_close_is_found(entry: str) -> None:
    source = f"class Client:\n    async def connect(self):\n        {entry}\n"

    assert places(source) == [("scope-entered-by-hand", "Client.connect", 3)]


CLOSED = {
    "a stack of its own": """
        async def work():
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(create_task_group())
        """,
    "one that it makes and closes": """
        async def work():
            stack = AsyncExitStack()
            await stack.enter_async_context(create_task_group())
            await stack.aclose()
        """,
    "a context manager of its own": """
        class Client:
            async def __aenter__(self):
                self.group = create_task_group()
                await self.stack.enter_async_context(create_task_group())
        """,
    "another context": """
        async def connect(self):
            await self.stack.enter_async_context(aiohttp.ClientSession())
        """,
}


@pytest.mark.parametrize("why", CLOSED)
def test_what_one_function_enters_and_leaves_is_left_alone(why: str) -> None:
    assert places(CLOSED[why]) == []
