"""One file is one mechanism is one rule. A new rule is a new file and one line here."""

from __future__ import annotations

from spindoctor.model.rule import Rule
from spindoctor.rules import (
    blocking_call_on_loop,
    callback_storm,
    cpu_bound_on_loop,
    cpu_starved,
    cpu_throttled,
    deadlock,
    descriptor_exhaustion,
    dev_mode,
    forked_event_loop,
    gc_pressure,
    gil_contention,
    hot_thread,
    lock_contention,
    memory_pressure,
    native_hot,
    nothing_wrong,
    polling_thread,
    pool_exhausted,
    regex_backtracking,
    single_core_ceiling,
    slow_downstream,
    undeliverable_cancellation,
    unyielding_coroutine,
)

ALL_RULES: tuple[Rule, ...] = (
    undeliverable_cancellation.RULE,
    callback_storm.RULE,
    forked_event_loop.RULE,
    unyielding_coroutine.RULE,
    cpu_bound_on_loop.RULE,
    deadlock.RULE,
    blocking_call_on_loop.RULE,
    gc_pressure.RULE,
    dev_mode.RULE,
    regex_backtracking.RULE,
    polling_thread.RULE,
    native_hot.RULE,
    hot_thread.RULE,
    gil_contention.RULE,
    pool_exhausted.RULE,
    lock_contention.RULE,
    slow_downstream.RULE,
    descriptor_exhaustion.RULE,
    cpu_throttled.RULE,
    cpu_starved.RULE,
    memory_pressure.RULE,
    single_core_ceiling.RULE,
    nothing_wrong.RULE,
)
"""`nothing-wrong` comes last: it speaks of what the others answered."""
