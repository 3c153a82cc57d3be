"""Asks everything of an interpreter that can be asked, whatever state its memory is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter


def addresses_of(told: dict[str, Any]) -> list[int]:
    """Every address that the program named."""
    found = [address for _, address, _ in told["values"]]
    found += [address for address, _ in told["attributes"].values()]
    found += [address for _, address, _ in told["lengths"]]
    found += [address for address, _ in told["weak"].values()]
    found += [row[0] for row in told["functions"] + told["generators"]]
    found += [task["address"] for task in told["tasks"]]
    return [*found, told["loop"], *told["asyncgens"]]


def attempt(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the question gives
    """The answer, or None for a Misread; every other exception is a failure of the test."""
    try:
        return ask()
    except Misread:
        return None


def questions(interpreter: Interpreter, address: int) -> Iterator[Callable[[], Any]]:
    """All questions about one object."""
    objects = interpreter.objects
    yield lambda: objects.value(address, depth=4, limit=50)
    yield lambda: objects.attributes(address)
    yield lambda: objects.type_names(address)
    yield lambda: objects.length(address)
    yield lambda: objects.items(address)
    yield lambda: objects.pairs(address)
    yield lambda: objects.referent(address)
    yield lambda: objects.function(address)
    yield lambda: interpreter.coroutine_chain(address)
    yield lambda: interpreter.task(address)
    yield lambda: interpreter.awaited_by(address)
    yield lambda: interpreter.asyncgens(address)
    yield lambda: interpreter.current_task(address, address)


def sweep(interpreter: Interpreter, addresses: list[int]) -> None:
    """Ask everything; anything but an answer or a Misread comes through."""
    for address in addresses:
        for ask in questions(interpreter, address):
            attempt(ask)
    runtime = (
        interpreter.gil,
        interpreter.is_collecting,
        interpreter.collector.collections,
        interpreter.sys_path,
        interpreter.module_names,
        interpreter.running_loops,
        lambda: [interpreter.current_task(loop, thread) for thread, loop in interpreter.running_loops().items()],
        interpreter.tasks,
    )
    for ask in runtime:
        attempt(ask)
    threads = attempt(interpreter.threads) or ()
    attempt(lambda: interpreter.stacks([thread.address for thread in threads]))
    for thread in threads:
        stack = attempt(lambda address=thread.address: interpreter.stack(address))
        for raw in stack.frames if stack else ():
            attempt(lambda raw=raw: interpreter.locals(raw))
