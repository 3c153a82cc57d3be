"""Attaching: to ourselves, as every process may, and to what we must not read."""

from __future__ import annotations

import gc
import os
import sys
import threading
from dataclasses import replace

import pytest

from spindoctor.cpython.layout import split_version
from spindoctor.errors import DoctorError, Gone
from spindoctor.probe import interpreter as room
from spindoctor.probe.interpreter import Interpreter


@pytest.fixture(scope="module")
def own() -> Interpreter:
    """Our own interpreter, from outside."""
    return Interpreter.attach(os.getpid())


def test_our_own_version_is_told(own: Interpreter) -> None:
    assert own.version == sys.version_info[:3]
    assert own.hex_version() == own.version


def test_our_own_objects_are_read(own: Interpreter) -> None:
    told = {"text": ["caf\u00e9", 2**70, None], "more": (1.5, b"x")}

    assert own.objects.value(id(told), depth=3) == told


def test_our_own_stack_ends_where_this_test_stands(own: Interpreter) -> None:
    me = next(one for one in own.threads() if one.pthread_id == threading.get_ident())
    names = [raw.frame.function for raw in own.stack(me.address).frames]

    assert "test_our_own_stack_ends_where_this_test_stands" in names


def test_we_hold_our_own_lock(own: Interpreter) -> None:
    holder = own.gil().holder

    assert holder in {one.address for one in own.threads()} | {0}  # it is given up for the system call


def test_no_garbage_is_collected_while_we_ask(own: Interpreter) -> None:
    gc.collect()

    assert not own.is_collecting()


def test_forgetting_all_changes_no_answer(own: Interpreter) -> None:
    before = own.module("threading"), own.threads()

    own.flush()

    assert (own.module("threading"), own.threads()) == before


def test_what_does_not_exist_is_gone() -> None:
    with pytest.raises(Gone):
        Interpreter.attach(1 << 22)


def test_a_debug_build_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = room.find_runtime

    def as_if_debug(*arguments: object) -> object:
        elf = found(*arguments)  # type: ignore[arg-type]
        return replace(elf, symbols={**elf.symbols, "_Py_NegativeRefcount": 4096})

    monkeypatch.setattr(room, "find_runtime", as_if_debug)

    with pytest.raises(DoctorError) as refused:
        Interpreter.attach(os.getpid())
    assert "debug build" in refused.value.problem


def test_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = room.find_runtime
    monkeypatch.setattr(room, "find_runtime", lambda *arguments: replace(found(*arguments), machine="AArch64"))

    with pytest.raises(DoctorError) as refused:
        Interpreter.attach(os.getpid())
    assert "aarch64-linux" in refused.value.problem


def test_versions_are_split_as_python_writes_them() -> None:
    assert split_version(0x030C01F0) == (3, 12, 1)
    with pytest.raises(DoctorError):
        split_version(0x020712F0)
