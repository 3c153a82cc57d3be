"""The optional compiled engine on one process: what it must know of the target.

It reads stacks as cpython/stacks.py does, which is its reference.
"""

from __future__ import annotations

from typing import Any

from spindoctor.cpython.stacks import ENTRY_FRAMES_SINCE
from spindoctor.errors import Misread
from spindoctor.probe.compiled import compiled
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.memory import ProcessMemory

LISTS_SINCE = 14
"""From 3.14 on the state of a thread has the task that runs in it."""


def engine_of(interpreter: Interpreter, *, asks_awaiters: bool) -> Any | None:  # noqa: ANN401 - as above
    """The engine on a process; None where it cannot be used: another version of CPython, memory read another way."""
    module = compiled()
    if not module or interpreter.version[1] < ENTRY_FRAMES_SINCE or not isinstance(interpreter.memory, ProcessMemory):
        return None
    try:
        told = fields(interpreter) | {"asks_awaiters": int(asks_awaiters)}
        return module.Engine(interpreter.pid, [told.get(one, 0) for one in module.FIELDS])
    except (Misread, OSError, KeyError, ValueError, OverflowError):
        return None


def fields(interpreter: Interpreter) -> dict[str, int]:
    """What the engine must know of the target's memory, by its own names.

    Raises:
        Misread: it cannot be read now.
        KeyError: something is not there, or not kept by this version.
    """
    layout = interpreter.layout
    types = interpreter.module_contents("types")
    is_pointed = "thread_state.cframe" in layout
    top = layout["thread_state.cframe" if is_pointed else "thread_state.current_frame"]
    shape, places = interpreter.places()
    found = {
        **places,
        "frame_size": shape.size,
        "frame_code": layout["interpreter_frame.executable"],
        "frame_previous": layout["interpreter_frame.previous"],
        "frame_instruction": layout["interpreter_frame.instr_ptr"],
        "frame_owner": layout["interpreter_frame.owner"],
        "frame_slots": layout["interpreter_frame.localsplus"],
        "tag_mask": shape.tag_mask,
        "entry_owners": sum(1 << owner for owner in shape.entry_owners),
        "code_start": layout["code_object.co_code_adaptive"],
        "code_type": types["CodeType"],
        "cell_type": types["CellType"],
        "cell_content": layout["cell_object.ob_ref"],
        "object_type": layout["pyobject.ob_type"],
        "is_pointed": int(is_pointed),
        "pointed": layout["cframe.current_frame"] if is_pointed else 0,
        "top_name": top,
        "chunk": layout["thread_state.datastack_chunk"],
        "chunk_top": layout["thread_state.datastack_top"],
        "chunk_size": layout["stack_chunk.size"],
        "chunk_previous": layout["stack_chunk.previous"],
    }
    found["head_size"] = max(top, found["chunk"], found["chunk_top"]) + 8
    return found | _tasks(interpreter)


def _tasks(interpreter: Interpreter) -> dict[str, int]:
    """Where the task that a loop runs is kept; nothing where no loop can run yet."""
    layout = interpreter.layout
    if layout.minor >= LISTS_SINCE:
        names = ("running_loop", "running_task")
        return {one: layout.offsets.get(f"asyncio_thread_state.{one}", 0) for one in names}
    return {
        "current_tasks": interpreter.module_contents("asyncio.tasks").get("_current_tasks", 0),
        "dict_keys": layout["dict_object.ma_keys"],
        "dict_values": layout["dict_object.ma_values"],
        "keys_head": layout["dict_keys.indices"],
        "keys_count": layout["dict_keys.nentries"],
        "keys_log2_index": layout["dict_keys.log2_index_bytes"],
        "keys_log2_size": layout["dict_keys.log2_size"],
        "keys_kind": layout["dict_keys.kind"],
        "keys_general": layout.constants["dict_kind.general"],
    }
