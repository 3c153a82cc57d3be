"""Async generators that yield inside a task group or cancel scope; `# <-` marks the lines to be found."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes

BARE = "yield-in-scope"
MANAGED = "yield-in-managed-scope"


def places(source: str) -> list[tuple[str, str, int]]:
    return [(one.shape, one.function, one.line) for one in find_shapes(textwrap.dedent(source), "/srv/app.py")]


def marked(source: str) -> list[int]:
    return [number for number, line in enumerate(textwrap.dedent(source).splitlines(), 1) if "# <-" in line]


FOUND = {
    "a task group": """
        async def stream():
            async with anyio.create_task_group() as tg:
                for part in parts:
                    yield part  # <-
            yield "end"
        """,
    "a cancel scope, entered without await": """
        async def stream():
            with CancelScope(shield=True):
                yield 1  # <-
        """,
    "a time limit": """
        async def stream():
            async with asyncio.timeout(3), client.stream("GET", url) as answer:
                async for line in answer:
                    yield line  # <-
        """,
    "a renamed import": """
        from anyio import create_task_group as group
        async def stream():
            async with group():
                yield 1  # <-
        """,
    "a scope in a variable": """
        async def stream():
            scope = anyio.move_on_after(5)
            with scope:
                got = yield 1  # <-
        """,
    "a stack of contexts": """
        async def stream():
            async with AsyncExitStack() as stack:
                yield "before"
                tg = await stack.enter_async_context(create_task_group())
                yield "inside"  # <-
            yield "after"
        """,
    "a stack that is closed by hand": """
        async def stream():
            stack = AsyncExitStack()
            await stack.enter_async_context(anyio.create_task_group())
            try:
                yield 1  # <-
            finally:
                await stack.aclose()
        """,
    "a scope entered by hand": """
        async def stream():
            yield "before"
            tg = anyio.create_task_group()
            await tg.__aenter__()
            yield "inside"  # <-
        """,
    "a client that owns a task group": """
        async def stream():
            async with streamablehttp_client(URL) as (read, write, _):
                yield read  # <-
        """,
}


@pytest.mark.parametrize("why", FOUND)
def test_a_yield_inside_a_scope_is_found(why: str) -> None:
    expected = [(BARE, "stream", line) for line in marked(FOUND[why])]

    assert expected == places(FOUND[why])


NOT_FOUND = {
    "a generator that yields after its scope": """
        async def stream():
            async with create_task_group() as tg:
                tg.start_soon(work)
            yield 1
        """,
    "another context": """
        async def stream():
            async with session.get(url, timeout=3) as answer:
                yield await answer.text()
        """,
    "a coroutine": """
        async def handler():
            async with create_task_group() as tg:
                await work()
        """,
    "a nested generator that is elsewhere when it yields": """
        async def handler():
            async with create_task_group() as tg:
                async def parts():
                    yield 1
                work = lambda: (yield 2)
        """,
    "a plain generator": """
        def parts():
            with timeout(3):
                yield 1
        """,
    "a stack that only holds files": """
        async def stream():
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(aiofiles.open(path))
                yield 1
        """,
}


@pytest.mark.parametrize("why", NOT_FOUND)
def test_what_only_resembles_it_is_left_alone(why: str) -> None:
    assert places(NOT_FOUND[why]) == []


def test_a_context_manager_has_a_shape_of_its_own() -> None:
    """Under `@asynccontextmanager` the yield is right as long as one task enters and leaves."""
    source = """
        @contextlib.asynccontextmanager
        async def lifespan(app):
            async with create_task_group() as tg:
                yield tg
        """

    assert places(source) == [(MANAGED, "lifespan", 5)]


def test_a_context_manager_that_holds_a_scope_is_a_scope_for_its_users() -> None:
    source = """
        @asynccontextmanager
        async def session():
            async with create_task_group() as tg:
                yield tg

        async def stream():
            async with session() as tg:
                yield 1
        """

    assert places(source) == [(MANAGED, "session", 5), (BARE, "stream", 9)]


def test_functions_are_named_as_the_interpreter_names_them() -> None:
    source = """
        class Client:
            def connect(self):
                async def events():
                    async with create_task_group():
                        yield 1
                return events()

            async def stream(self):
                with fail_after(1):
                    yield 2
        """

    assert [name for _, name, _ in places(source)] == ["Client.connect.<locals>.events", "Client.stream"]
