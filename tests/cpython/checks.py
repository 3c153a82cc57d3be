"""What must agree between a reader and a program that knows itself. Each check is a claim about one kind of thing."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
from cases import Case

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Misread

Place = list[Any]


def place(raw: RawFrame) -> Place:
    return [raw.frame.function, raw.frame.file, raw.frame.line]


def agrees_on_version(case: Case) -> None:
    assert list(case.interpreter.version) == case.told["version"]
    assert f"3.{case.interpreter.layout.minor}" == case.version


def agrees_on_values(case: Case) -> None:
    for name, address, literal in case.told["values"]:
        value = case.interpreter.objects.value(address, depth=6, limit=10_000)

        assert value == ast.literal_eval(literal), name


def agrees_on_attributes(case: Case) -> None:
    objects = case.interpreter.objects
    for name, (address, expected) in case.told["attributes"].items():
        found = {key: objects.value(value) for key, value in objects.attributes(address).items()}

        assert found == expected, name


def agrees_on_lengths(case: Case) -> None:
    for name, address, length in case.told["lengths"]:
        assert case.interpreter.objects.length(address) == length, name


def agrees_on_what_lies_in_a_simple_queue(case: Case) -> None:
    queue, items = case.told["waiting"]

    assert list(case.interpreter.objects.items(queue)) == items


def agrees_on_weak_collections(case: Case) -> None:
    objects, weak = case.interpreter.objects, case.told["weak"]
    values = [value for _, value in objects.pairs(weak["values"][0])]

    assert sorted(objects.items(weak["set"][0])) == sorted(weak["set"][1])
    assert sorted(objects.items(weak["keys"][0])) == sorted(weak["keys"][1])
    assert sorted(values) == sorted(weak["values"][1])
    assert objects.referent(weak["living"][0]) == weak["living"][1]
    assert objects.referent(weak["dead"][0]) is None


def agrees_on_functions(case: Case) -> None:
    for address, *expected in case.told["functions"]:
        found = case.interpreter.objects.function(address)

        assert [found.frame.function, found.frame.file, found.frame.line, found.holder] == expected


def agrees_on_types(case: Case) -> None:
    objects = case.interpreter.objects
    addresses = {name: address for name, address, _ in case.told["values"]}

    assert objects.type_name(addresses["deque"]) == "collections.deque"
    assert objects.type_names(addresses["named_tuple"]) == ("Point", "tuple", "object")
    assert "dict" in objects.type_names(addresses["counter"])


def agrees_on_threads(case: Case) -> None:
    threads = case.interpreter.threads()

    told = {(ident, native, name) for ident, native, name in case.told["threads"]}
    assert {(one.pthread_id, one.native_id, one.python_name) for one in threads} == told


def agrees_on_stacks(case: Case) -> None:
    interpreter = case.interpreter
    addresses = [thread.address for thread in interpreter.threads()]
    together = interpreter.stacks(addresses)
    assert len(addresses) == 5
    assert len(case.told["frames"]) == 4
    for thread in interpreter.threads():
        told = case.told["frames"].get(str(thread.pthread_id))
        if told is None:
            continue
        stack = interpreter.stack(thread.address)

        assert [place(raw) for raw in stack.frames] == [frame["place"] for frame in told]
        assert stack.is_complete
        assert not stack.is_spliced
        found = together[thread.address]
        assert isinstance(found, RawStack)
        assert found.frames == stack.frames


def agrees_on_locals(case: Case) -> None:
    interpreter = case.interpreter
    for thread in interpreter.threads():
        told = case.told["frames"].get(str(thread.pthread_id), [])
        for raw, frame in zip(interpreter.stack(thread.address).frames, told, strict=False):
            if raw.frame.function != "<module>":  # its names live in a dict
                assert interpreter.locals(raw) == frame["locals"], raw.frame


def agrees_on_generators(case: Case) -> None:
    for address, end, expected in case.told["generators"]:
        chain = case.interpreter.coroutine_chain(address)

        assert chain.end == end
        assert [place(raw) for raw in chain.frames] == expected


def agrees_on_modules(case: Case) -> None:
    interpreter = case.interpreter

    assert sorted(interpreter.module_names()) == case.told["modules"]
    assert list(interpreter.sys_path()) == case.told["path"]
    assert interpreter.module("asyncio.tasks")
    assert interpreter.module("no.such.module") is None


def agrees_on_loops(case: Case) -> None:
    interpreter, told = case.interpreter, case.told
    main = next(one.address for one in interpreter.threads() if one.pthread_id == told["main"])
    loops = interpreter.running_loops()

    assert loops[main] == told["loop"]
    assert len(loops) == 2  # the other one rests in its selector
    tasks = {loop: interpreter.current_task(loop, thread) for thread, loop in loops.items()}
    assert tasks.pop(told["loop"]) == told["current"]
    assert not any(tasks.values())
    assert sorted(interpreter.asyncgens(told["loop"]) or ()) == sorted(told["asyncgens"])


def agrees_on_tasks(case: Case) -> None:
    interpreter = case.interpreter
    known = interpreter.tasks()
    for told in case.told["tasks"]:
        found = interpreter.task(told["address"])

        assert [found.name, found.state, found.loop] == [told["name"], told["state"], told["loop"]]
        assert found.coroutine_name == told["coroutine"], told["name"]
        assert found.must_cancel == told["must_cancel"], told["name"]
        assert found.cancel_requests == told["cancels"], told["name"]
        assert found.exception_type == told["exception"], told["name"]
        assert found.waiter == told["waiter"], told["name"]
        if told["definition"] is not None:
            assert found.definition is not None, told["name"]
            assert [found.definition.file, found.definition.line] == told["definition"], told["name"]
        if told["state"] == "pending":
            assert told["address"] in known, told["name"]


def agrees_on_chains(case: Case) -> None:
    for told in case.told["tasks"]:
        if told["state"] != "pending" or not told["chain"]:
            continue
        task = case.interpreter.task(told["address"])
        assert task.coroutine is not None
        chain = case.interpreter.coroutine_chain(task.coroutine)
        found = [place(raw) for raw in chain.frames]

        # the language shows no way through an async generator's awaitable, so ours may be longer
        assert found[: len(told["chain"])] == told["chain"], told["name"]
        if task.waiter is not None and chain.end == "object":
            assert chain.end_object == task.waiter or "asyncio" not in chain.end_type, told["name"]


def finds_the_sleep_below_an_async_generator(case: Case) -> None:
    told = next(task for task in case.told["tasks"] if task["name"] == "streaming")
    coroutine = case.interpreter.task(told["address"]).coroutine
    assert coroutine is not None
    chain = case.interpreter.coroutine_chain(coroutine)

    assert [raw.frame.function for raw in chain.frames] == ["streaming", "agen", "sleep"]
    assert chain.end_type == "_asyncio.Future"


def finds_where_an_async_generator_rests(case: Case) -> None:
    ((address, places),) = case.told["resting"]
    chain = case.interpreter.coroutine_chain(address)

    assert chain.end == "yielded"
    assert [place(raw) for raw in chain.frames] == places


def agrees_on_awaiters(case: Case) -> None:
    names = {task["address"]: task["name"] for task in case.told["tasks"]}
    addresses = {task["name"]: task["address"] for task in case.told["tasks"]}
    for child, parents in case.told["parents"].items():
        found = case.interpreter.awaited_by(addresses[child])

        assert sorted(names[one] for one in found) == sorted(parents), child
    assert case.interpreter.awaited_by(addresses["sleeper"]) == ()


def reads_the_state_of_the_runtime(case: Case) -> None:
    gil = case.interpreter.gil()

    assert gil.switch_number > 0
    assert gil.contains(gil.address)
    assert not gil.contains(gil.address + gil.size)
    assert not case.interpreter.is_collecting()
    collections = case.interpreter.collector.collections()
    assert collections is None or collections[0] > 0


def refuses_what_is_no_task(case: Case) -> None:
    address = next(address for name, address, _ in case.told["values"] if name == "wide_dict")

    with pytest.raises(Misread):
        case.interpreter.task(address)
    with pytest.raises(Misread):
        case.interpreter.coroutine_chain(0)
    with pytest.raises(Misread):
        case.interpreter.objects.items(case.told["loop"])


Check = Callable[[Case], None]
CHECKS: tuple[Check, ...] = (
    agrees_on_version,
    agrees_on_values,
    agrees_on_attributes,
    agrees_on_lengths,
    agrees_on_weak_collections,
    agrees_on_functions,
    agrees_on_types,
    agrees_on_threads,
    agrees_on_stacks,
    agrees_on_locals,
    agrees_on_generators,
    agrees_on_modules,
    agrees_on_loops,
    agrees_on_tasks,
    agrees_on_chains,
    finds_the_sleep_below_an_async_generator,
    finds_where_an_async_generator_rests,
    agrees_on_awaiters,
    reads_the_state_of_the_runtime,
    refuses_what_is_no_task,
)
