"""Code objects: names, files, lines and the names of local variables. Kept by address once seen."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from spindoctor.cpython.classes import Classes
from spindoctor.cpython.containers import Containers
from spindoctor.cpython.linetable import find_line
from spindoctor.cpython.reader import Reader, int_at, word_at
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame

QUALIFIED_SINCE = 11
LOCAL, CELL, FREE, HIDDEN = 0x20, 0x40, 0x80, 0x10  # `co_localspluskinds`: Include/internal/pycore_code.h
SHIM = "__init__"
"""The "file" of `_Py_InitCleanup` (Python/specialize.c, 3.13+): the interpreter's own frame between a call of a class
and its `__init__`, code that nobody wrote and that lies in no folder."""

MAX_TABLE = 1 << 22
MAX_NAME = 1024
MAX_STACKS = 1 << 12
MAX_KEPT = 1 << 17  # lines; a program that makes code objects without end must not fill memory


@dataclass(frozen=True, slots=True)
class Code:
    """A code object: `function` is qualified on 3.11+; `start` is where its first instruction lies (3.11+, else 0)."""

    address: int
    function: str
    file: str
    first_line: int
    start: int
    table: bytes

    @property
    def definition(self) -> Frame:
        """The function and the line at which its code begins."""
        return Frame(self.function, self.file, self.first_line)


class Codes:
    """Decodes code objects. An object enters the cache only if its type is `code` at that moment.

    `folder` is where relative file names are taken to lie (before 3.9 a script keeps the one it was started by); files
    that begin with one of `own` are the service's own, wherever they lie.
    """

    def __init__(self, reader: Reader, classes: Classes, texts: Texts, containers: Containers) -> None:
        self._reader = reader
        self._classes = classes
        self._texts = texts
        self._containers = containers
        layout = reader.layout
        self._minor = layout.minor
        self._is_modern = layout.minor >= QUALIFIED_SINCE
        self._name = layout["code_object.qualname" if self._is_modern else "code_object.name"]
        self._adaptive = layout["code_object.co_code_adaptive"] if self._is_modern else 0
        self._size = layout["code_object.size"]
        self.folder = ""
        self.own: tuple[str, ...] = ()
        self.flush()

    def flush(self) -> None:
        """Forget everything: code objects may have died and others may live at their address."""
        self._codes: dict[int, Code] = {}
        self._frames: dict[tuple[int, int], Frame] = {}
        self._bytes: dict[tuple[int, int], int] = {}
        self._variables: dict[int, tuple[tuple[str, int], ...]] = {}
        self._slots: dict[tuple[int, tuple[str, ...]], tuple[tuple[int, str, int], ...]] = {}
        self._naming: dict[tuple[tuple[int, ...], tuple[str, ...]], tuple[int, ...]] = {}

    def at(self, address: int) -> Code:
        """Return the code object at `address`; `Misread` if there is none."""
        found = self._codes.get(address)
        if found is None:
            found = self._codes[address] = self._decode(address)
        return found

    def _decode(self, address: int) -> Code:
        layout = self._reader.layout
        block = self._reader.read(address, self._size)
        if self._classes.at(word_at(block, layout["pyobject.ob_type"])[0]).name != "code":
            raise Misread(f"no code object at {address:#x}")
        table = word_at(block, layout["code_object.linetable"])[0]
        return Code(
            address=address,
            function=self._texts.read(word_at(block, self._name)[0], MAX_NAME),
            file=self._placed(self._texts.read(word_at(block, layout["code_object.filename"])[0])),
            first_line=int_at(block, layout["code_object.firstlineno"])[0],
            start=address + self._adaptive if self._is_modern else 0,
            table=self._octets(table),
        )

    def _placed(self, file: str) -> str:
        is_relative = bool(file) and file[0] not in "/<" and file != SHIM
        return posixpath.normpath(posixpath.join(self.folder, file)) if is_relative and self.folder else file

    def _octets(self, address: int) -> bytes:
        layout = self._reader.layout
        size = self._reader.word(address + layout["bytes_object.ob_size"])
        if size > MAX_TABLE:
            raise Misread(f"a table of {size} bytes at {address:#x}")
        return self._reader.read(address + layout["bytes_object.ob_sval"], size)

    def byte(self, address: int, place: int) -> int:
        """Return one byte of the instructions: an opcode at an even place, its argument at the odd one after it.

        Opcodes are replaced by others as code gets warm (3.11+), arguments are not (PEP 659).
        """
        key = (address, place)
        found = self._bytes.get(key)
        if found is None:
            found = self._bytes[key] = self._reader.read(self._start(address) + place, 1)[0]
        return found

    def _start(self, address: int) -> int:
        """Return where the instructions begin: behind the code object, before 3.11 in a `bytes` of their own."""
        code = self.at(address)
        if code.start:
            return code.start
        layout = self._reader.layout
        return self._reader.word(address + layout["code_object.code"]) + layout["bytes_object.ob_sval"]

    def frame(self, address: int, instruction: int) -> Frame:
        """Return function, file and line of the instruction, `instruction` being its offset in bytes."""
        key = (address, instruction)
        found = self._frames.get(key)
        if found is None:
            if len(self._frames) >= MAX_KEPT:
                self.flush()
            code = self.at(address)
            line = find_line(code.table, code.first_line, instruction, self._minor)
            found = self._frames[key] = Frame(code.function, code.file, line, code.file.startswith(self.own))
        return found

    def variables(self, address: int) -> tuple[tuple[str, int], ...]:
        """Return (name, kind) of each fast local in the order of its slots; kinds are bits `LOCAL`, `CELL`, `FREE`."""
        found = self._variables.get(address)
        if found is None:
            self.at(address)
            found = self._variables[address] = self._decode_variables(address)
        return found

    def slots(self, address: int, names: tuple[str, ...]) -> tuple[tuple[int, str, int], ...]:
        """Return (slot, name, kind) of those fast locals that have one of these names."""
        found = self._slots.get((address, names))
        if found is None:
            places = enumerate(self.variables(address))
            found = tuple((slot, name, kind) for slot, (name, kind) in places if name in names)
            self._slots[address, names] = found
        return found

    def naming(self, addresses: tuple[int, ...], names: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of those code objects that have fast locals with one of these names, or cannot be read."""
        found = self._naming.get((addresses, names))
        if found is None:
            if len(self._naming) >= MAX_STACKS:
                self._naming.clear()
            found = tuple(place for place, address in enumerate(addresses) if self._may_name(address, names))
            self._naming[addresses, names] = found
        return found

    def _may_name(self, address: int, names: tuple[str, ...]) -> bool:
        try:
            return bool(self.slots(address, names))
        except Misread:
            return True

    def _decode_variables(self, address: int) -> tuple[tuple[str, int], ...]:
        word, layout = self._reader.word, self._reader.layout
        if self._is_modern:
            names = self._names(word(address + layout["code_object.localsplusnames"]))
            kinds = self._octets(word(address + layout["code_object.localspluskinds"]))
            return tuple(zip(names, kinds, strict=False))
        groups = (("varnames", LOCAL), ("cellvars", CELL), ("freevars", FREE))
        return tuple(
            (name, kind)
            for group, kind in groups
            for name in self._names(word(address + layout[f"code_object.{group}"]))
        )

    def _names(self, address: int) -> list[str]:
        names = self._texts.read_many(self._containers.sequence(address), MAX_NAME)
        return [name if name is not None else "?" for name in names]
