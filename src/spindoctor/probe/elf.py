"""Where an interpreter's symbols and sections lie in its process: from /proc/PID/maps and the ELF files named there.

Sources: elf(5), proc_pid_maps(5). Files are opened as the target has them: by `map_files` where we may (the very file,
also if it has been deleted since), else by path through the target's root, and then only if its first page is the one
in memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from spindoctor.cpython.layout import refusal
from spindoctor.cpython.memory import Memory
from spindoctor.errors import Misread
from spindoctor.probe.failures import forbidden, gone
from spindoctor.probe.root import TargetRoot

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

NAMED = re.compile(r"python(\d\.\d+)")
LIBRARY = re.compile(r"/libpython3(\.\d+)?t?d?\.so[.0-9]*$")
ASYNCIO = re.compile(r"/_asyncio\.[^/]*so$")
MUSL = re.compile(r"/(ld-musl-|libc\.musl-)")
PAGE = 4096
SYMBOLS = ("_PyRuntime", "Py_Version", "_Py_NegativeRefcount")
SECTIONS = (".PyRuntime", ".AsyncioDebug")
DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Mapping:
    """The first mapping of a file: `start` to `end` is where the file's bytes from `offset` on lie."""

    start: int
    end: int
    offset: int
    path: str
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Elf:
    """What was found in one mapped ELF file: addresses in the process by name, sections as (address, size)."""

    path: str
    machine: str
    symbols: dict[str, int]
    sections: dict[str, tuple[int, int]]


def read_mappings(pid: int) -> dict[str, Mapping]:
    """Return the first mapping of each file that a process has mapped, by path."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
            lines = maps.read().splitlines()
    except PermissionError as error:
        raise forbidden(pid, "the memory") from error
    except OSError as error:
        raise gone(pid) from error
    if not lines:
        raise refusal(f"Process {pid} has no memory of its own: it has ended, or is a thread of the kernel")
    return parse_mappings(lines)


def parse_mappings(lines: Sequence[str]) -> dict[str, Mapping]:
    """Return the first mapping of each file from the lines of /proc/PID/maps."""
    found: dict[str, Mapping] = {}
    for line in lines:
        parts = line.split(None, 5)
        if len(parts) < 6 or not parts[5].startswith("/"):  # noqa: PLR2004 - anonymous memory has five columns
            continue
        path = parts[5].removesuffix(DELETED)
        if path not in found:
            start, _, end = parts[0].partition("-")
            found[path] = Mapping(int(start, 16), int(end, 16), int(parts[2], 16), path, path != parts[5])
    return found


def find_runtime(pid: int, mappings: dict[str, Mapping], memory: Memory) -> Elf:
    """Return the file that holds `_PyRuntime`: the shared library, or the executable that contains it.

    Raises:
        DoctorError: there is none, or the file cannot be opened any more.

    """
    if any(MUSL.search(path) for path in mappings):
        raise refusal(f"Process {pid} uses the C library musl")
    for mapping in _candidates(pid, mappings):
        elf = read_elf(pid, mapping, memory)
        if "_PyRuntime" in elf.symbols or ".PyRuntime" in elf.sections:
            return elf
    raise refusal(f"Process {pid} runs {_named(mappings)}")


def _named(mappings: dict[str, Mapping]) -> str:
    """What the files that a process has mapped say of its interpreter, where nothing in them is known."""
    versions = (NAMED.search(path) for path in mappings)
    named = next((found[1] for found in versions if found), None)
    return f"Python {named}, whose memory is not known" if named else "no CPython that can be recognised"


def _candidates(pid: int, mappings: dict[str, Mapping]) -> Iterator[Mapping]:
    yield from (mapping for path, mapping in mappings.items() if LIBRARY.search(path))
    executable = executable_path(pid)
    if executable in mappings:
        yield mappings[executable]


def executable_path(pid: int) -> str:
    """Return the path of the executable as the target names it."""
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(DELETED)
    except PermissionError as error:
        raise forbidden(pid, "the memory") from error
    except OSError as error:
        raise gone(pid) from error


def find_asyncio(pid: int, mappings: dict[str, Mapping], memory: Memory) -> Elf | None:
    """Return the extension module `_asyncio` if it is a file of its own and mapped."""
    mapping = next((mapping for path, mapping in mappings.items() if ASYNCIO.search(path)), None)
    return read_elf(pid, mapping, memory) if mapping else None


def read_elf(pid: int, mapping: Mapping, memory: Memory) -> Elf:
    """Return the symbols and sections we look for in a mapped file."""
    # imported only here: pyelftools costs a tenth of a second, which a command that looks at no process need not pay
    from elftools.common.exceptions import ELFError  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    with _open(pid, mapping, memory) as stream:
        try:
            return _read(ELFFile(stream), mapping)
        except (ELFError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise refusal(f"{mapping.path} is not a sound ELF file") from error


def _read(file: ELFFile, mapping: Mapping) -> Elf:
    base = _load_base(file, mapping)
    sections = {
        name: (base + section["sh_addr"], section["sh_size"])
        for name in SECTIONS
        if (section := file.get_section_by_name(name)) is not None
    }
    return Elf(mapping.path, str(file.get_machine_arch()), _symbols(file, base), sections)


def _load_base(file: ELFFile, mapping: Mapping) -> int:
    """Return what must be added to the file's addresses: 0 for an executable of fixed address."""
    if file["e_type"] == "ET_EXEC":
        return 0
    for segment in file.iter_segments("PT_LOAD"):
        if segment["p_offset"] // PAGE * PAGE == mapping.offset:
            return mapping.start - int(segment["p_vaddr"]) // PAGE * PAGE
    raise refusal(f"{mapping.path} is mapped in an unknown way")


def _symbols(file: ELFFile, base: int) -> dict[str, int]:
    """Return the dynamic symbols we look for; they survive `strip`. By the hash table, as all of them are many."""
    from elftools.elf.hash import ELFHashSection, GNUHashSection  # noqa: PLC0415

    table = file.get_section_by_name(".gnu.hash") or file.get_section_by_name(".hash")
    if not isinstance(table, GNUHashSection | ELFHashSection):
        return {}
    found = ((name, table.get_symbol(name)) for name in SYMBOLS)
    return {name: base + symbol["st_value"] for name, symbol in found if symbol and symbol["st_value"]}


def _open(pid: int, mapping: Mapping, memory: Memory) -> IO[bytes]:
    """Open the very file that is mapped."""
    try:
        return open(f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}", "rb")
    except OSError:
        pass
    is_executable = mapping.path == executable_path(pid)
    path = f"/proc/{pid}/exe" if is_executable else TargetRoot(pid).locate(mapping.path)
    try:
        stream = open(path, "rb")  # noqa: SIM115 - the caller closes
    except OSError as error:
        raise refusal(f"{mapping.path} of process {pid} cannot be opened") from error
    if not is_executable and not _is_same(stream, mapping, memory):
        stream.close()
        raise refusal(f"{mapping.path} has been replaced since process {pid} started")
    return stream


def _is_same(stream: IO[bytes], mapping: Mapping, memory: Memory) -> bool:
    """Tell whether the file begins as it does in memory: its header, its segments and, as a rule, its build id.

    Not by inode: overlay file systems show another one in maps than stat does.
    """
    if mapping.offset:
        return not mapping.is_deleted
    head = stream.read(PAGE)
    stream.seek(0)
    try:
        return memory.read(mapping.start, len(head)) == head
    except Misread:
        return False
