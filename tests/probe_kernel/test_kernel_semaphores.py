"""What the maps of processes tell about semaphores in shared memory."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

from spindoctor.probe import semaphores


def test_a_lock_lies_in_shared_memory_that_its_process_is_known_to_have() -> None:
    context = multiprocessing.get_context("fork")
    lock = context.Lock()

    mapped = semaphores._maps(os.getpid())

    files = [file for start, end, _, file in mapped or () if start <= lock._semlock.handle < end]
    assert [semaphores._owners(file) for file in files] == [frozenset({os.getpid()})]


def test_a_process_without_such_a_lock_has_no_shared_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert semaphores._maps(other.pid) == []


def test_a_process_that_has_ended_has_none_and_was_started_at_no_time() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()

    assert (semaphores._maps(ended.pid), semaphores._started(ended.pid)) == ([], 0)
