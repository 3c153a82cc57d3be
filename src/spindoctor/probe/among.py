"""What is read of all processes of a service together: pipes, locks and queues that stand between them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from spindoctor.errors import Gone
from spindoctor.model.locks import SharedLook
from spindoctor.model.pipes import PipeLook
from spindoctor.model.recording import QueueLook
from spindoctor.probe.asked_locks import asked_locks
from spindoctor.probe.copies import CopiedLocks
from spindoctor.probe.descriptors import DescriptorTable
from spindoctor.probe.file_locks import FileLockReader
from spindoctor.probe.pipes import PipeReader, Watched
from spindoctor.probe.polled_locks import PolledLockReader
from spindoctor.probe.queues import QueueReader
from spindoctor.probe.semaphores import SharedLockReader


class AmongProcesses:
    """Makes the looks that need more than one process, and keeps them."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._pipes = PipeReader()
        self._locks = SharedLockReader()
        self._file_locks = FileLockReader()
        self._polled_locks = PolledLockReader()
        self._queues = QueueReader()
        self._copies = CopiedLocks()
        self.pipe_looks: list[PipeLook] = []
        self.shared_looks: list[SharedLook] = []

    @property
    def queue_looks(self) -> Sequence[QueueLook]:
        """The looks at the queues of listening sockets."""
        return self._queues.looks

    @property
    def short_lived(self) -> int:
        """How many forks of the service began during the look and are gone again."""
        return self._pipes.short_lived

    def look(self, at_s: float, watched: Sequence[Watched]) -> None:
        """Make one look at each; where nothing stands between the processes there is none to keep."""
        with contextlib.suppress(Gone):  # the next look tells which one
            shared = self._locks.look(at_s, watched)
            pipes = self._pipes.look(at_s, watched, shared)
            self.pipe_looks += [pipes] if pipes else []
            waited_for = (*shared, *self._file_locks.look(watched))
            locks = (*waited_for, *asked_locks(watched), *self._polled_locks.look(watched))
            self.shared_looks += [SharedLook(at_s, locks)] if locks else []
            self._copies.mark(watched)
        self._queues.look(at_s)

    def begin(self, at_s: float, tables: Mapping[int, DescriptorTable]) -> None:
        """Follow the queues of the listening sockets among these descriptors."""
        self._queues.begin(at_s, ((pid, table.descriptors) for pid, table in tables.items()))

    def close(self) -> None:
        """Close what is kept open."""
        self._queues.close()
