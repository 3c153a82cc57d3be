"""Where one version of CPython keeps what we read: tables by name, loaded from `layouts/` or completed by the target.

Up to 3.12 a table is complete. From 3.13 on the interpreter publishes a table of its own (`_Py_DebugOffsets`, at the
start of `_PyRuntime`; source: Include/internal/pycore_debug_offsets.h); our file then says at which position of that
table a name lies, and holds only what the table leaves out. What the target publishes is input like any other and is
checked once.
"""

from __future__ import annotations

import json
import pkgutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from spindoctor.errors import DoctorError

SUPPORTED = tuple((3, minor) for minor in range(8, 16))
COOKIE = b"xdebugpy"
MAX_OFFSET = 1 << 22  # the largest structure, PyInterpreterState, has some 400 KB in 3.12
NOT_OFFSETS = frozenset({"cookie", "version", "free_threaded"})
DERIVED = {
    "interpreter_state.gc_collecting": ("interpreter_state.gc", "gc.collecting"),
    "interpreter_state.gc_generation_stats": ("interpreter_state.gc", "gc.generation_stats"),
    "thread_state.c_profilefunc": (
        "thread_state.current_frame",
        "thread_state.c_profilefunc_after_current_frame",
    ),
}
RUNNING_LOOP_BEHIND_STATE = (
    13  # `_PyThreadStateImpl` begins with the state, then the loop; from 3.14 asyncio publishes it
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Offsets and constants of one minor version on one platform.

    `offsets` are in bytes, named `structure.member`. `published` maps names to their position in the table of the
    target, `published_size` is that table's size in bytes (0: the version has none).
    """

    version: tuple[int, int]
    platform: str
    offsets: Mapping[str, int]
    constants: Mapping[str, int]
    published: Mapping[str, int]
    published_size: int

    @property
    def minor(self) -> int:
        """The 12 of 3.12."""
        return self.version[1]

    def __getitem__(self, name: str) -> int:
        return self.offsets[name]

    def __contains__(self, name: str) -> bool:
        return name in self.offsets


def load_layout(version: tuple[int, int], platform: str = "x86_64-linux") -> Layout:
    """Return the layout of exactly this minor version and platform, or raise `DoctorError`: another one will not do."""
    label = f"{version[0]}.{version[1]}"
    try:
        data = pkgutil.get_data(__package__, f"layouts/cpython-{label}-{platform}.json")
    except OSError:
        data = None
    if data is None:
        raise refusal(f"CPython {label} on {platform} is not known to this version")
    table = json.loads(data)
    published = table.get("published", {"fields": {}, "size": 0})
    return Layout(version, platform, table["offsets"], table["constants"], published["fields"], published["size"])


def refusal(problem: str) -> DoctorError:
    """Return the error for an interpreter whose memory we do not know exactly."""
    versions = f"{SUPPORTED[0][0]}.{SUPPORTED[0][1]} to {SUPPORTED[-1][0]}.{SUPPORTED[-1][1]}"
    return DoctorError(problem, f"Supported: default builds of CPython {versions} on x86_64 Linux with glibc.")


def split_version(word: int) -> tuple[int, int, int]:
    """Return (3, 12, 1) of 0x030c01f0."""
    if word >> 24 != SUPPORTED[0][0]:
        raise DoctorError(f"{word:#x} is no version of Python 3", "Is it CPython?")
    return word >> 24, word >> 16 & 255, word >> 8 & 255


def complete_layout(layout: Layout, table: bytes, version_word: int) -> Layout:
    """Add what the target publishes about itself.

    Args:
        layout: as loaded for the target's minor version.
        table: `layout.published_size` bytes from the start of the target's `_PyRuntime`.
        version_word: `Py_Version` of the target, such as 0x030d00f0.

    Raises:
        DoctorError: the table is not the one of this version, belongs to another kind of build, or contradicts itself.

    """
    if len(table) != layout.published_size or not table.startswith(COOKIE):
        raise refusal("The interpreter does not publish its layout where it should")
    values = {
        name: int.from_bytes(table[position : position + 8], "little")
        for name, position in layout.published.items()
        if name != "cookie"
    }
    if values["free_threaded"]:
        raise refusal("It runs a free-threaded build of CPython")
    if values["version"] >> 16 != version_word >> 16:
        raise refusal(f"The published layout is for version {values['version']:#x}, not {version_word:#x}")
    _check(values)
    offsets = {**values, **layout.offsets}
    return replace(layout, offsets={**offsets, **_derive(offsets, layout.minor)})


def _check(values: Mapping[str, int]) -> None:
    """Raise `DoctorError` unless each offset lies inside the structure it belongs to."""
    for name, value in values.items():
        structure, _, member = name.partition(".")
        size = values.get(f"{structure}.size", MAX_OFFSET)
        if name in NOT_OFFSETS or structure == "debugger_support":
            continue
        if value > MAX_OFFSET or (not member.endswith("size") and value and value >= size):
            raise refusal(f"The published layout contradicts itself: {name} is {value}")
    fields = ("executable", "previous", "instr_ptr", "owner")
    if sorted(fields, key=lambda field: values[f"interpreter_frame.{field}"]) != list(fields):
        raise refusal("The published layout has the members of a frame in another order than known")


def _derive(offsets: Mapping[str, int], minor: int) -> dict[str, int]:
    """Return what follows from other members: sums, and neighbours of fixed order."""
    sums = {
        name: sum(offsets[part] for part in parts)
        for name, parts in DERIVED.items()
        if all(p in offsets for p in parts)
    }
    sums["thread_state.exc_info"] = (
        offsets["thread_state.thread_id"] - offsets["thread_state.exc_info_before_thread_id"]
    )
    sums["thread_state.datastack_top"] = offsets["thread_state.datastack_chunk"] + 8
    if minor == RUNNING_LOOP_BEHIND_STATE:
        sums["asyncio_thread_state.running_loop"] = offsets["thread_state.size"]
    if "unicode_object.compactunicodeobject_size" not in offsets:
        sums["unicode_object.compactunicodeobject_size"] = offsets["unicode_object.asciiobject_size"] + 16
    return sums


ASYNCIO_NAMES = (
    "task_object.size",
    "task_object.name",
    "task_object.awaited_by",
    "task_object.is_task",
    "task_object.awaited_by_is_set",
    "task_object.coro",
    "task_object.node",
    "asyncio_interpreter_state.size",
    "asyncio_interpreter_state.tasks_head",
    "asyncio_thread_state.size",
    "asyncio_thread_state.running_loop",
    "asyncio_thread_state.running_task",
    "asyncio_thread_state.tasks_head",
)
"""Members of `_AsyncioDebug` in their order, eight bytes each (source: Modules/_asynciomodule.c, 3.14+)."""
ASYNCIO_SIZE = 8 * len(ASYNCIO_NAMES)
TASK_MUST_CANCEL_BIT = 4


def add_asyncio(layout: Layout, table: bytes) -> Layout:
    """Add what the `_asyncio` module of a 3.14+ target publishes; `table` holds `ASYNCIO_SIZE` bytes.

    The members that the table leaves out have fixed neighbours in the structure (source: `FutureObj_HEAD` and `TaskObj`
    in Modules/_asynciomodule.c): the state precedes `is_task`, the flags follow `awaited_by_is_set`, and the waiter and
    the cancel count precede the coroutine.

    Raises:
        DoctorError: the table contradicts itself.

    """
    if len(table) != ASYNCIO_SIZE:
        raise refusal("The asyncio module does not publish its layout where it should")
    values = dict(zip(ASYNCIO_NAMES, struct.unpack(f"<{len(ASYNCIO_NAMES)}Q", table), strict=True))
    for name, value in values.items():
        size = values[f"{name.partition('.')[0]}.size"]
        if value > MAX_OFFSET or (not name.endswith(".size") and value >= size):
            raise refusal(f"The layout published by asyncio contradicts itself: {name} is {value}")
    coro, is_task = values["task_object.coro"], values["task_object.is_task"]
    values["task_object.fut_waiter"] = coro - 8
    values["task_object.num_cancels_requested"] = coro - 16
    values["future_object.state"] = is_task - 4
    values["task_object.must_cancel"] = values["task_object.awaited_by_is_set"] + 1
    if min(coro - 16, is_task - 4) < 0:
        raise refusal("The layout published by asyncio contradicts itself")
    constants = {**layout.constants, "task_object.must_cancel_mask": TASK_MUST_CANCEL_BIT}
    return replace(layout, offsets={**layout.offsets, **values}, constants=constants)
