"""Finding symbols in mapped files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spindoctor.cpython.memory import Image
from spindoctor.errors import DoctorError, Gone
from spindoctor.probe.elf import Mapping, _is_same, find_runtime, parse_mappings, read_elf, read_mappings
from spindoctor.probe.memory import ProcessMemory

MAPS = """\
55d0c0a00000-55d0c0a01000 r--p 00000000 fe:01 123 /usr/bin/python3.12
55d0c0a01000-55d0c0a02000 r-xp 00001000 fe:01 123 /usr/bin/python3.12
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f1000000000-7f1000001000 r--p 00000000 fe:01 99 /opt/with space/libpython3.12.so.1.0 (deleted)
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]
"""


def test_the_first_mapping_of_each_file_is_kept() -> None:
    found = parse_mappings(MAPS.splitlines())

    library = "/opt/with space/libpython3.12.so.1.0"
    assert list(found) == ["/usr/bin/python3.12", library]
    assert found["/usr/bin/python3.12"] == Mapping(
        0x55D0C0A00000, 0x55D0C0A01000, 0, "/usr/bin/python3.12", is_deleted=False
    )
    assert found[library].is_deleted


def test_the_runtime_of_our_own_process_is_found() -> None:
    pid, memory = os.getpid(), ProcessMemory(os.getpid())

    elf = find_runtime(pid, read_mappings(pid), memory)

    version = memory.read(elf.symbols["Py_Version"], 4)
    assert int.from_bytes(version, "little") == sys.hexversion
    assert elf.machine == "x64"
    assert ".PyRuntime" in elf.sections
    assert "_Py_NegativeRefcount" not in elf.symbols


def test_a_process_that_is_no_python_is_refused() -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            with pytest.raises(DoctorError) as refused:
                find_runtime(process.pid, read_mappings(process.pid), ProcessMemory(process.pid))
        finally:
            process.kill()

    assert "no CPython" in refused.value.problem


def test_a_process_with_the_c_library_musl_is_refused() -> None:
    maps = parse_mappings([*MAPS.splitlines(), "7f2000000000-7f2000001000 r-xp 0 fe:01 5 /lib/ld-musl-x86_64.so.1"])

    with pytest.raises(DoctorError) as refused:
        find_runtime(os.getpid(), maps, Image([]))

    assert "musl" in refused.value.problem


def test_a_process_that_does_not_exist_is_gone() -> None:
    with pytest.raises(Gone):
        read_mappings(1 << 22)


def test_a_file_that_is_no_elf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "libpython3.12.so"
    path.write_bytes(b"\x7fELF" + bytes(60))
    mapping = Mapping(4096, 8192, 0, str(path), is_deleted=False)

    with pytest.raises(DoctorError):
        read_elf(os.getpid(), mapping, Image([(4096, path.read_bytes())]))


def test_a_file_that_was_replaced_is_not_taken_for_the_one_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "libpython3.12.so"
    path.write_bytes(b"\x7fELF" + bytes(4092))
    mapping = Mapping(4096, 8192, 0, str(path), is_deleted=False)

    with pytest.raises(DoctorError) as refused:
        read_elf(os.getpid(), mapping, Image([(4096, b"\x7fELF" + b"x" * 4092)]))

    assert "replaced" in refused.value.problem


def test_a_file_is_the_same_if_its_first_page_is() -> None:
    page = bytes(range(256)) * 16
    mapping = Mapping(4096, 8192, 0, "/x", is_deleted=False)

    assert _is_same(io.BytesIO(page + b"more"), mapping, Image([(4096, page)]))
    assert not _is_same(io.BytesIO(page[:-1] + b"x"), mapping, Image([(4096, page)]))
    assert not _is_same(io.BytesIO(page), mapping, Image([]))
