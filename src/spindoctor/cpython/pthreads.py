"""Which kernel thread a pthread is: the C library keeps the kernel's id of each thread in the thread's own block.

`pthread_self()` is the address of that block (glibc `nptl/descr.h`, musl `pthread_impl.h`), so it is where
`threading.get_ident()` points. At which place in the block the id lies differs between libraries and machines; it is
the same for all threads of a process, and so it shows itself: the one place that holds an id of a thread that there is
in every block.
"""

from __future__ import annotations

from collections.abc import Collection

from spindoctor.cpython.reader import Reader, int_at
from spindoctor.errors import Misread

BLOCK = 1024
"""Bytes read of each block: the id lies at 720 in glibc on x86-64, at 208 on AArch64, and earlier in musl."""


def kernel_ids(reader: Reader, pthread_ids: Collection[int], tids: Collection[int]) -> dict[int, int]:
    """Return pthread id -> kernel id of those that could be told; `tids` are the kernel ids that there are.

    Nothing where two places would tell different things: no guess.
    """
    blocks = {one: block for one in pthread_ids if (block := _block(reader, one))}
    told = [_at(blocks, place, tids) for place in range(0, BLOCK, 4)]
    most = max(map(len, told), default=0)
    best = [one for one in told if most and len(one) == most]
    return best[0] if best and all(one == best[0] for one in best) else {}


def _block(reader: Reader, address: int) -> bytes:
    try:
        return reader.read(address, BLOCK)
    except Misread:
        return b""


def _at(blocks: dict[int, bytes], place: int, tids: Collection[int]) -> dict[int, int]:
    """What this place says, if it says of each thread either one that there is, another each time, or none."""
    found = {one: int_at(block, place)[0] for one, block in blocks.items()}
    there = {one: tid for one, tid in found.items() if tid}
    is_right = all(tid in tids for tid in there.values()) and len({*there.values()}) == len(there)
    return there if is_right else {}
