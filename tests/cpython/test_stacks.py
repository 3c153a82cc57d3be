"""Stacks that change or tear while they are read, from recorded memory that is changed by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from cases import image_blocks, interpreter_of, read_image

from spindoctor.cpython.frames import OWNED_BY_GENERATOR, RawFrame
from spindoctor.cpython.memory import Image, Range
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

VERSIONS = [f"3.{minor}" for minor in range(8, 16)]


class Changing:
    """An image in which words can be changed, at once or when one of them has been read; counts its reads."""

    def __init__(self, recorded: dict[str, Any]) -> None:
        self._image = Image(image_blocks(recorded))
        self.words: dict[int, int] = {}
        self.later: dict[int, int] = {}
        self.calls = 0

    def read(self, address: int, size: int) -> bytes:
        """Return the bytes as they are by now."""
        return self.read_many([(address, size)])[0]

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return each range as it is by now."""
        self.calls += 1
        found = [self._changed(address, self._image.read(address, size)) for address, size in ranges]
        if any(address <= place < address + size for place in self.later for address, size in ranges):
            self.words |= self.later
        return found

    def _changed(self, address: int, block: bytes) -> bytes:
        changed = bytearray(block)
        for place, word in self.words.items():
            if address <= place <= address + len(block) - 8:
                changed[place - address : place - address + 8] = struct.pack("<Q", word)
        return bytes(changed)


@pytest.fixture(params=VERSIONS)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What was recorded of one version."""
    return read_image(request.param)


def reader(recorded: dict[str, Any]) -> tuple[Interpreter, Changing, int]:
    """A reader, its memory, and the state of the thread that runs a coroutine."""
    memory = Changing(recorded)
    interpreter = interpreter_of(recorded, memory)
    main = recorded["told"]["main"]
    return interpreter, memory, next(one.address for one in interpreter.threads() if one.pthread_id == main)


def code_word(interpreter: Interpreter, frame: RawFrame) -> int:
    """Where a frame keeps its code object."""
    layout = interpreter.layout
    is_modern = "interpreter_frame.executable" in layout
    return frame.address + layout["interpreter_frame.executable" if is_modern else "frame_object.f_code"]


def coroutine_place(stack: RawStack) -> int:
    """The place of the innermost coroutine on a stack."""
    return next(place for place, raw in enumerate(stack.frames) if raw.owner == OWNED_BY_GENERATOR)


def caller_word(interpreter: Interpreter, stack: RawStack) -> int:
    """Where the coroutine's frame keeps its caller."""
    layout = interpreter.layout
    raw = next(raw for raw in stack.frames if raw.owner == OWNED_BY_GENERATOR)
    is_modern = "interpreter_frame.previous" in layout
    return raw.address + layout["interpreter_frame.previous" if is_modern else "frame_object.f_back"]


def test_a_stack_that_has_not_changed_is_the_same_object(recorded: dict[str, Any]) -> None:
    interpreter, memory, main = reader(recorded)
    interpreter.stack(main)
    first = interpreter.stack(main)
    before = memory.calls

    second = interpreter.stack(main)

    assert second is first
    assert memory.calls - before <= 2  # one for the stack, one for the generation of code objects on 3.14+


def test_a_generator_without_caller_gets_the_one_it_had(recorded: dict[str, Any]) -> None:
    interpreter, memory, main = reader(recorded)
    whole = interpreter.stack(main)
    memory.words[caller_word(interpreter, whole)] = 0

    stack = interpreter.stack(main)

    assert stack.frames == whole.frames
    assert stack.is_spliced
    assert stack.is_complete


def test_a_generator_is_not_put_above_another_function_in_its_callers_frame(recorded: dict[str, Any]) -> None:
    interpreter, memory, main = reader(recorded)
    whole = interpreter.stack(main)
    place = coroutine_place(whole)
    memory.words[caller_word(interpreter, whole)] = 0
    memory.words[code_word(interpreter, whole.frames[place + 1])] = whole.frames[-1].code

    stack = interpreter.stack(main)

    assert stack.frames == whole.frames[: place + 1]
    assert not stack.is_complete
    assert not stack.is_spliced


def test_a_stack_ends_where_a_frame_was_another_functions_by_the_second_copy(recorded: dict[str, Any]) -> None:
    whole = reader(recorded)
    known = whole[0].stack(whole[2])
    interpreter, memory, main = reader(recorded)
    moved = known.frames[: coroutine_place(known) + 1]
    memory.later = {code_word(interpreter, raw): known.frames[-1].code for raw in moved}

    stack = interpreter.stack(main)

    held = coroutine_place(known) if "interpreter_frame.previous" in interpreter.layout else 1  # before 3.11 no chunk
    assert stack == RawStack(known.frames[:held], is_complete=False)


def test_a_generator_whose_caller_was_never_seen_ends_an_incomplete_stack(recorded: dict[str, Any]) -> None:
    whole = reader(recorded)
    interpreter, memory, main = reader(recorded)
    memory.words[caller_word(whole[0], whole[0].stack(whole[2]))] = 0

    stack = interpreter.stack(main)

    assert not stack.is_complete
    assert not stack.is_spliced


def test_a_chain_of_frames_that_bites_its_tail_is_a_misread(recorded: dict[str, Any]) -> None:
    interpreter, memory, main = reader(recorded)
    whole = interpreter.stack(main)
    memory.words[caller_word(interpreter, whole)] = whole.frames[0].address

    with pytest.raises(Misread):
        interpreter.stack(main)


def test_a_thread_that_runs_no_python_has_an_empty_and_complete_stack(recorded: dict[str, Any]) -> None:
    interpreter, memory, main = reader(recorded)
    layout = interpreter.layout
    if "thread_state.cframe" in layout:
        pointer = interpreter.reader.word(main + layout["thread_state.cframe"])
        memory.words[pointer + layout["cframe.current_frame"]] = 0
    else:
        name = "thread_state.current_frame" if layout.minor >= 13 else "thread_state.frame"
        memory.words[main + layout[name]] = 0

    stack = interpreter.stack(main)

    assert stack == RawStack((), is_complete=True)


def test_locals_of_a_frame_that_runs_another_function_are_a_misread(recorded: dict[str, Any]) -> None:
    interpreter, memory, main = reader(recorded)
    raw = interpreter.stack(main).frames[0]
    is_modern = "interpreter_frame.executable" in interpreter.layout
    name = "interpreter_frame.executable" if is_modern else "frame_object.f_code"
    memory.words[raw.address + interpreter.layout[name]] = 0x1000

    with pytest.raises(Misread):
        interpreter.locals(raw)


def test_the_functions_that_have_a_variable_of_a_name_are_told_by_their_places(recorded: dict[str, Any]) -> None:
    """What is no function at all may have it."""
    interpreter, _, main = reader(recorded)
    codes = interpreter.objects.codes
    stack = tuple(raw.code for raw in interpreter.stack(main).frames)
    names = {name for name, _ in codes.variables(stack[0])}
    expected = tuple(place for place, code in enumerate(stack) if codes.slots(code, tuple(names)))

    assert names
    assert codes.naming(stack, tuple(names)) == expected
    assert codes.naming((stack[0], 0x10), ("no such name",)) == (1,)
