"""Connections are read again where those who wait do so at others than were read."""

from __future__ import annotations

import pytest

from spindoctor.model.conversations import Conversation
from spindoctor.model.locks import Party
from spindoctor.model.process import Descriptor
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.descriptors import DescriptorTable
from spindoctor.probe.stays import waits_elsewhere

READ = (Descriptor(3, "socket", 30, ""), Descriptor(5, "socket", 50, ""))
TABLE = DescriptorTable(READ, 2, (("socket", 2),), 1024)


@pytest.mark.parametrize(
    ("at", "is_elsewhere"),
    [((), False), ((3, 5), False), ((5, 6), False), ((3, 7, 9), True), ((7, 9), True), ((None, None), False)],
)
def test_most_of_those_who_wait_decide(at: tuple[int | None, ...], *, is_elsewhere: bool) -> None:
    talks = tuple(Conversation(Party(tid=number), waits_at=fd, serves=1) for number, fd in enumerate(at))

    assert waits_elsewhere([TaskLook(0.0), TaskLook(0.2, conversations=talks)], TABLE) == is_elsewhere
    assert not waits_elsewhere([], TABLE)
