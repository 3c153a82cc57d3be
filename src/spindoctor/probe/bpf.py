"""Programs in the kernel that count system calls by thread: bpf(2), with nothing but the standard library.

They hang on the raw tracepoints `sys_enter` and `sys_exit`, which every kernel with CONFIG_FTRACE_SYSCALLS and
CONFIG_BPF_EVENTS has, and need neither tracefs nor a compiler. They only count: the target is neither stopped nor
changed, but as long as they hang there each system call of the machine takes a little longer. They go with their
descriptors, whatever becomes of us.

The tracepoint at the end is given the registers and the result, and to read registers takes a licence that this program
does not have. So what is counted at the beginning is also noted as the call that the thread is in.

Sources: bpf(2), include/uapi/linux/bpf.h, Documentation/bpf/standardization/instruction-set.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import struct
from collections.abc import Sequence

from spindoctor.probe.calls import MACHINE

NUMBERS = {"x86_64": 321, "aarch64": 280}
_MAP_CREATE, _LOOKUP, _NEXT_KEY, _LOAD, _HANG = 0, 1, 4, 5, 17
_HASH, _RAW_TRACEPOINT = 1, 17
_ATTRIBUTE_BYTES = 128
_LICENSE = b"Apache-2.0"
_WORD = struct.Struct("<Q")

MOST_KINDS = 8192
"""A thousand threads with eight kinds of calls each; half a megabyte in the kernel."""

INSIDE = 0xFFFF
"""In place of a call's number: the one that the thread is in. No machine has so many calls."""

HIGHEST_ERROR = 4095
"""A result from -4095 to -1 is an error (MAX_ERRNO, include/linux/err.h)."""

OWN_ERRORS = 512
"""From here on they are for the kernel's own use: a call that is begun again after a signal (ERESTARTSYS)."""

# Opcodes that the program is made of.
_CALL, _EXIT, _WIDE, _LOAD_WORD, _STORE_WORD, _STORE_NUMBER = 0x85, 0x95, 0x18, 0x79, 0x7B, 0x7A
_COPY, _SET, _ADD, _LEFT, _RIGHT, _OR, _IF_EQUAL, _IF_NOT, _GO = 0xBF, 0xB7, 0x07, 0x67, 0x77, 0x4F, 0x15, 0x55, 0x05
_IF_BEYOND, _NEGATE = 0x25, 0x87
_MAP_FD = 1
_GET_PID_TGID, _MAP_LOOKUP, _MAP_UPDATE = 14, 1, 2
_FRAME = 10


def _step(code: int, to: int = 0, of: int = 0, offset: int = 0, number: int = 0) -> bytes:
    return struct.pack("<BBhi", code, to | of << 4, offset, number)


def _argument(register: int, offset: int) -> bytes:
    """A register gets the address of a place in the program's own frame."""
    return _step(_COPY, register, _FRAME) + _step(_ADD, register, number=offset)


_LEAVE = _step(_SET, 0) + _step(_EXIT)


def program(pids: Sequence[int], map_fd: int) -> bytes:
    """The instructions at the beginning of a call: of threads of these processes, count it and note who is in it.

    Its key is (thread << 32 | number of the call). It belongs to one thread, which is inside one call at a time: nobody
    else changes its count.
    """
    note = (
        _step(_COPY, 8, 7)
        + _step(_LOAD_WORD, 1, 6, 8)
        + _step(_STORE_WORD, _FRAME, 1, -16)
        + _step(_ADD, 8, number=INSIDE)
        + _step(_STORE_WORD, _FRAME, 8, -8)
        + _set(map_fd)
    )
    key = _step(_LOAD_WORD, 1, 6, 8) + _step(_OR, 7, 1) + _step(_STORE_WORD, _FRAME, 7, -8)
    return _of(pids) + _step(_LEFT, 7, number=32) + note + key + _count(map_fd)


def exit_program(pids: Sequence[int], map_fd: int) -> bytes:
    """The instructions at the end of a call: where the result is an error, count it.

    Its key is (thread << 32 | error << 16 | number of the call).
    """
    note = (
        _step(_LEFT, 7, number=32)
        + _step(_COPY, 8, 7)
        + _step(_ADD, 8, number=INSIDE)
        + _step(_STORE_WORD, _FRAME, 8, -8)
        + _get(map_fd)
    )
    key = (
        _step(_LOAD_WORD, 1, 0)
        + _step(_OR, 7, 1)
        + _step(_LOAD_WORD, 1, 6, 8)
        + _step(_NEGATE, 1)
        + _step(_LEFT, 1, number=16)
        + _step(_OR, 7, 1)
        + _step(_STORE_WORD, _FRAME, 7, -8)
    )
    known = _step(_IF_NOT, 0, offset=len(_LEAVE) // 8) + _LEAVE
    failed = _step(_LOAD_WORD, 1, 6, 8) + _step(_IF_BEYOND, 1, number=-HIGHEST_ERROR - 1, offset=len(_LEAVE) // 8)
    return _of(pids) + failed + _LEAVE + note + known + key + _count(map_fd)


def _of(pids: Sequence[int]) -> bytes:
    """Leave where the call is not of these processes; then register 6 is the context, 7 the thread."""
    who = _step(_COPY, 6, 1) + _step(_CALL, number=_GET_PID_TGID) + _step(_COPY, 7, 0)
    who += _step(_COPY, 1, 0) + _step(_RIGHT, 1, number=32)
    wanted = [_step(_IF_EQUAL, 1, offset=len(pids) - n + 1, number=pid) for n, pid in enumerate(pids)]
    return who + b"".join(wanted) + _LEAVE


def _count(map_fd: int) -> bytes:
    """Add one under the key that lies in the frame, and leave."""
    more = _step(_LOAD_WORD, 1, 0) + _step(_ADD, 1, number=1) + _step(_STORE_WORD, 0, 1) + _LEAVE
    first = _step(_STORE_NUMBER, _FRAME, offset=-16, number=1) + _set(map_fd) + _LEAVE
    return _get(map_fd) + _step(_IF_NOT, 0, offset=len(first) // 8) + first + more


def _get(map_fd: int) -> bytes:
    """Register 0 gets the address of what is kept under the key in the frame, 0 where nothing is."""
    return _map(map_fd) + _argument(2, -8) + _step(_CALL, number=_MAP_LOOKUP)


def _set(map_fd: int) -> bytes:
    """Keep the value in the frame under the key there."""
    arguments = _argument(2, -8) + _argument(3, -16) + _step(_SET, 4)
    return _map(map_fd) + arguments + _step(_CALL, number=_MAP_UPDATE)


def _map(map_fd: int) -> bytes:
    return _step(_WIDE, 1, _MAP_FD, number=map_fd) + _step(0)


class CallCounter:
    """Loads the program once, and counts whenever it is asked to. Not for more than one thread of ours."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Raises OSError where the kernel refuses: without the right to (EPERM), or without bpf(2) (ENOSYS)."""
        with contextlib.ExitStack() as opened:
            self._map = _bpf(_MAP_CREATE, struct.pack("<IIII", _HASH, 8, 8, MOST_KINDS))
            opened.callback(os.close, self._map)
            self._programs = {}
            for name, make in ((b"sys_enter", program), (b"sys_exit", exit_program)):
                self._programs[name] = _load(make(pids, self._map))
                opened.callback(os.close, self._programs[name])
            self._hang().close()  # a kernel without the tracepoint says so now, before anything is waited for
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Give the map and the program back to the kernel."""
        self._opened.close()

    def counting(self) -> contextlib.ExitStack:
        """A context manager inside of which calls are counted."""
        return self._hang()

    def _hang(self) -> contextlib.ExitStack:
        with contextlib.ExitStack() as stack:
            for name, code in self._programs.items():
                text = ctypes.create_string_buffer(name)
                stack.callback(os.close, _bpf(_HANG, struct.pack("<QI", ctypes.addressof(text), code)))
            return stack.pop_all()

    def counts(self) -> dict[tuple[int, int], int]:
        """How many calls were counted, by (thread, number of the call)."""
        return {(tid, low): count for (tid, low), count in self._kept().items() if low < INSIDE}

    def failures(self) -> dict[tuple[int, int, int], int]:
        """How many of them failed, by (thread, number of the call, error)."""
        kept = ((tid, low & 0xFFFF, low >> 16, count) for (tid, low), count in self._kept().items() if low > INSIDE)
        return {(tid, number, error): count for tid, number, error, count in kept if error < OWN_ERRORS}

    def is_full(self) -> bool:
        """Whether the map had room for no other kind: of calls, of failures, or notes of who is in one."""
        return len(self._kept()) >= MOST_KINDS

    def _kept(self) -> dict[tuple[int, int], int]:
        """All that lies in the map, by the upper and the lower half of its key."""
        found: dict[tuple[int, int], int] = {}
        key, value = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
        places = ctypes.addressof(key), ctypes.addressof(value)
        is_next = _ask(_NEXT_KEY, self._map, 0, places[0])
        while is_next and len(found) < MOST_KINDS:
            word = _WORD.unpack(key.raw)[0]
            if _ask(_LOOKUP, self._map, *places):
                found[word >> 32, word & 0xFFFFFFFF] = _WORD.unpack(value.raw)[0]
            is_next = _ask(_NEXT_KEY, self._map, places[0], places[0])
        return found


def _load(code: bytes) -> int:
    steps, license_text = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(_LICENSE)
    places = ctypes.addressof(steps), ctypes.addressof(license_text)
    return _bpf(_LOAD, struct.pack("<IIQQ", _RAW_TRACEPOINT, len(code) // 8, *places))


def _ask(command: int, map_fd: int, key: int, answer: int) -> bool:
    """Whether there was an answer; a key without one ends the walk."""
    try:
        _bpf(command, struct.pack("<IIQQQ", map_fd, 0, key, answer, 0))
    except FileNotFoundError:
        return False
    return True


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attribute: bytes) -> int:
    attributes = ctypes.create_string_buffer(attribute, _ATTRIBUTE_BYTES)
    answer = _libc().syscall(
        ctypes.c_long(NUMBERS[MACHINE]), ctypes.c_long(command), attributes, ctypes.c_ulong(_ATTRIBUTE_BYTES)
    )
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(answer)
