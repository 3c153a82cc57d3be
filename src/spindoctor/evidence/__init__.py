"""Samples to facts: one file for each kind of fact, all pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spindoctor.evidence.backlogs import backlog
from spindoctor.evidence.busy import busy_threads
from spindoctor.evidence.cancellation import cancellations
from spindoctor.evidence.collecting import collecting
from spindoctor.evidence.cpu import cpu_use
from spindoctor.evidence.epolls import shared_epolls
from spindoctor.evidence.gil import gil_use
from spindoctor.evidence.growths import growths
from spindoctor.evidence.held_locks import with_holders
from spindoctor.evidence.lanes import in_lanes
from spindoctor.evidence.load import load
from spindoctor.evidence.lock_uses import lock_uses
from spindoctor.evidence.loops import loops
from spindoctor.evidence.peers import peer_waits
from spindoctor.evidence.pools import pools
from spindoctor.evidence.queue_waits import plausible
from spindoctor.evidence.reschedulers import reschedulers
from spindoctor.evidence.retries import retries
from spindoctor.evidence.settings import dev_settings
from spindoctor.evidence.spins import spins
from spindoctor.evidence.standoffs import standoffs
from spindoctor.evidence.surroundings import descriptor_uses, memory_use, starvation, throttling
from spindoctor.model.burning import BusyThreads
from spindoctor.model.collector import Collectors
from spindoctor.model.cpu import CpuUse, GilUse
from spindoctor.model.facts import Cancellations, Load, Loops, Pools, Reschedulers, SharedEpolls
from spindoctor.model.recording import Recording
from spindoctor.model.retrying import Retries
from spindoctor.model.rule import Missing
from spindoctor.model.settings import DevSettings
from spindoctor.model.spinning import Backlog, Spins
from spindoctor.model.surroundings import DescriptorUses, MemoryUse, Starvation, Throttling
from spindoctor.model.waiting import Growths, LockUses, PeerWaits, Standoffs

BUILDERS: dict[type, Callable[[Recording], Any]] = {
    CpuUse: cpu_use,
    Loops: loops,
    GilUse: gil_use,
    Cancellations: cancellations,
    Reschedulers: reschedulers,
    Pools: pools,
    Standoffs: standoffs,
    LockUses: lock_uses,
    PeerWaits: peer_waits,
    Growths: growths,
    DescriptorUses: descriptor_uses,
    Throttling: throttling,
    Starvation: starvation,
    MemoryUse: memory_use,
    SharedEpolls: shared_epolls,
    BusyThreads: busy_threads,
    Retries: retries,
    Collectors: collecting,
    DevSettings: dev_settings,
    Spins: spins,
    Backlog: backlog,
    Load: load,
}


IN_LANES = frozenset({CpuUse, GilUse, BusyThreads, Retries, Collectors})
"""Evidence of what threads do with the CPU: of threads that last, or of lanes of those that do not."""


def gather(recording: Recording) -> dict[type, Any]:
    """Every kind of evidence that a recording yields: a fact, or `Missing` with the reason.

    A fault of ours in one kind costs the checks that need it, never the report: the scene may be gone afterwards.
    """
    recording = with_holders(plausible(recording))
    joined = in_lanes(recording)
    return {kind: _built(build, joined if kind in IN_LANES else recording) for kind, build in BUILDERS.items()}


def _built(build: Callable[[Recording], Any], recording: Recording) -> Any:  # noqa: ANN401 - any fact
    try:
        return build(recording)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the other kinds are unharmed
        return Missing(f"a fault in spindoctor itself, please report it: {type(fault).__name__}: {fault}")
