"""The memory of another process, read with process_vm_readv(2): many ranges in one system call, nothing stopped.

Where that call fails or is filtered (seccomp profiles of containers refuse it to those without CAP_SYS_PTRACE, their
own processes included), /proc/PID/mem is read instead: the kernel lets the same people do both.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NoReturn

from spindoctor.cpython.memory import Copier, Memory, Range
from spindoctor.errors import Forbidden, Unreadable
from spindoctor.probe.failures import forbidden, gone

MAX_RANGES = 1024  # IOV_MAX: more are refused by the kernel (readv(2))
HIGHEST = 1 << 47  # user space of x86_64 ends below
FIRST_BUFFER = 1 << 18
REFUSED = frozenset({errno.EPERM, errno.EACCES})


class ProcessMemory:
    """The memory of one process. Not for use by more than one thread: the buffer is shared.

    Raises `Unreadable` for what is not mapped, `Gone` if the process has ended, `Forbidden` if the kernel refuses.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._call = _process_vm_readv()
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)
        self._local = array("Q", (0, 0))
        self._local_address = self._local.buffer_info()[0]
        self._grow(FIRST_BUFFER)

    def _grow(self, size: int) -> None:
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._local[0] = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes from `address` on."""
        self._copy((address, size), size)
        return bytes(self._view[:size])

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each range; up to `MAX_RANGES` of them come from one system call."""
        if len(ranges) > MAX_RANGES:
            head, rest = ranges[:MAX_RANGES], ranges[MAX_RANGES:]
            return self.read_many(head) + self.read_many(rest)
        if not ranges:
            return []
        self._copy([number for one in ranges for number in one], sum([size for _, size in ranges]))
        return list(self._cut(ranges))

    def _cut(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        position = 0
        for _, size in ranges:
            yield bytes(self._view[position : position + size])
            position += size

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        """Return what copies these ranges (at most `MAX_RANGES`) in one system call; the call's arguments are kept."""
        return _Repeat(self._call, self._pid, ranges, self._fail).copy

    def _copy(self, numbers: Iterable[int], total: int) -> None:
        """Fill the buffer with the ranges whose addresses and sizes come in turn."""
        try:
            remote = array("Q", numbers)
        except OverflowError as error:
            raise Unreadable("an address outside of memory") from error
        if total > len(self._buffer):
            self._grow(total)
        self._local[1] = total
        place, length = remote.buffer_info()
        if self._call(self._pid, self._local_address, 1, place, length // 2, 0) != total:
            self._fail(ctypes.get_errno(), remote[0])

    def _fail(self, number: int, address: int) -> NoReturn:
        if number == errno.ESRCH:
            raise gone(self._pid)
        if number in REFUSED:
            raise forbidden(self._pid, "the memory")
        raise Unreadable(f"memory at {address:#x} or after cannot be read")


class _Repeat:
    """One system call made again and again: its arguments are made once, and kept where they lie."""

    def __init__(
        self,
        call: Callable[[int, int, int, int, int, int], int],
        pid: int,
        ranges: Sequence[Range],
        fail: Callable[[int, int], NoReturn],
    ) -> None:
        self._call = call
        self._fail = fail
        numbers = array("Q", chain.from_iterable(ranges))
        self._total = sum(numbers[1::2])
        self._buffer = bytearray(self._total)
        self._remote = numbers
        self._local = array("Q", (ctypes.addressof(ctypes.c_char.from_buffer(self._buffer)), self._total))
        places = self._local.buffer_info()[0], self._remote.buffer_info()[0]
        self._arguments = (pid, places[0], 1, places[1], len(ranges), 0)

    def copy(self) -> bytes:
        """Make the call; what was copied."""
        if self._call(*self._arguments) != self._total:
            self._fail(ctypes.get_errno(), self._remote[0])
        return bytes(self._buffer)


class MemFile:
    """The memory of one process through /proc/PID/mem: one system call for each range."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        try:
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            raise forbidden(pid, "the memory") from error
        except (FileNotFoundError, ProcessLookupError) as error:
            raise gone(pid) from error

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes from `address` on."""
        if not 0 <= address < HIGHEST:
            raise Unreadable(f"an address outside of memory: {address:#x}")
        try:
            block = os.pread(self._fd, size, address)
        except OSError as error:
            raise Unreadable(f"{size} bytes at {address:#x} cannot be read") from error
        if len(block) != size:
            if not block and not os.path.exists(f"/proc/{self._pid}"):
                raise gone(self._pid)
            raise Unreadable(f"{size} bytes at {address:#x} cannot be read")
        return block

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each range, one after the other."""
        return [self.read(address, size) for address, size in ranges]

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        """Return what reads the ranges one after the other."""
        return lambda: b"".join(self.read_many(ranges))


def open_memory(pid: int, address: int) -> Memory:
    """Return the memory of a process, tried at an address that is mapped.

    Raises:
        Gone: there is no such process.
        Forbidden: the kernel refuses both ways; the hint names the command that helps here.

    """
    memory = ProcessMemory(pid)
    try:
        memory.read(address, 8)
    except Unreadable:
        return MemFile(pid)
    except Forbidden as refused:
        return _mem_file(pid, address, refused)
    return memory


def _mem_file(pid: int, address: int, refused: Forbidden) -> MemFile:
    try:
        memory = MemFile(pid)
        memory.read(address, 8)
    except (Forbidden, Unreadable):
        raise refused from None
    return memory


@functools.cache
def _process_vm_readv() -> Callable[[int, int, int, int, int, int], int]:
    """Return the C library's function: (pid, local, count, remote, count, flags) -> bytes copied or -1."""
    call = ctypes.CDLL(None, use_errno=True).process_vm_readv
    call.restype = ctypes.c_ssize_t
    call.argtypes = (
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_ulong,
    )
    return call
