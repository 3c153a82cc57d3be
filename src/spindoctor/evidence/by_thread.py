"""Looks ordered by thread, once for all who ask: a process may have a thousand threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from spindoctor.evidence.sites import looks_by_thread
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import Sample, ThreadLook


class ByThread:
    """The looks at one process's threads, by kernel id."""

    def __init__(self, process: ProcessRecording) -> None:
        """Nothing is ordered before it is asked for."""
        self.process = process
        self._at: dict[float, dict[int, ThreadLook]] = {}

    def seen(self, tid: int) -> Sequence[tuple[Sample, ThreadLook]]:
        """All looks at one thread, each with the sample that it is of."""
        return self._seen.get(tid, ())

    def looks(self, tid: int) -> list[ThreadLook]:
        """All looks at one thread."""
        return [look for _, look in self.seen(tid)]

    def at(self, at_s: float, tid: int | None) -> ThreadLook | None:
        """What a thread did when a slow look was made (see `ProcessRecording.sample_at`)."""
        sample = self.process.sample_at(at_s)
        if sample is None or tid is None:
            return None
        if sample.at_s not in self._at:
            self._at[sample.at_s] = {one.tid: one for one in reversed(sample.threads)}
        return self._at[sample.at_s].get(tid)

    @cached_property
    def _seen(self) -> Mapping[int, Sequence[tuple[Sample, ThreadLook]]]:
        return looks_by_thread(self.process.samples)
