"""Whether anything was taken from a descriptor follows from its counters, its queue and its other end."""

from __future__ import annotations

from typing import Any

import pytest

from spindoctor.evidence.wakeups import UNKNOWN, Use, judge
from spindoctor.model.watching import Pulse

IN, OUT, HUP = 0x1, 0x4, 0x10


def pulses(*states: dict[str, Any], kind: str = "socket", apart_s: float = 1.0) -> list[Pulse]:
    """Pulses of one descriptor, a second apart."""
    return [Pulse(number * apart_s, 100, 9, kind, 4711, **state) for number, state in enumerate(states)]


def connection(
    received: int, queued: int, state: str = "ESTABLISHED", sent: int = 0, unsent: int = 0
) -> dict[str, Any]:
    return {"received": received, "queued": queued, "state": state, "sent": sent, "unsent": unsent}


def test_bytes_that_wait_while_none_is_read_are_unused() -> None:
    use = judge(pulses(connection(500, 40), connection(530, 70), connection(530, 70)), IN)

    assert use == Use("70 bytes wait, and none was read in 2.0 s", is_exact=True, is_ready=True)


def test_a_connection_from_which_bytes_are_read_is_used_even_where_its_queue_is_never_empty() -> None:
    """9,000 bytes arrived and the queue grew by 10: 8,990 were read."""
    use = judge(pulses(connection(500, 60), connection(5500, 65), connection(9500, 70)), IN)

    assert use == Use(is_used=True, is_exact=True)


def test_the_end_of_a_stream_counts_as_one_byte_and_is_no_reading() -> None:
    use = judge(pulses(connection(500, 0), connection(501, 0, "CLOSE_WAIT"), connection(501, 0, "CLOSE_WAIT")), IN)

    assert use == Use("no byte arrived in 2.0 s, its other end has hung up", is_exact=True, is_ready=True)


def test_a_silent_connection_is_unused_and_not_ready_by_its_state() -> None:
    use = judge(pulses(*[connection(500, 0)] * 3), IN)

    assert (use.is_ready, use.unused) == (False, "no byte arrived in 2.0 s")


@pytest.mark.parametrize(("counts", "unused"), [((2, 2, 3), True), ((2, 1, 3), False), ((0, 0, 0), False)])
def test_a_queue_without_counters_is_unused_where_it_is_never_empty_and_never_falls(
    counts: tuple[int, ...], *, unused: bool
) -> None:
    use = judge(pulses(*[{"queued": count, "is_alone": False} for count in counts]), IN)

    assert (use.unused is not None) is unused
    assert use.is_used is not unused


def test_a_descriptor_without_another_end_is_ready_for_good() -> None:
    use = judge(pulses(*[{"is_alone": True}] * 3, kind="pipe"), IN)

    assert use.is_ready
    assert use.unused == "it has no other end any more, so nothing will come (seen for 2.0 s)"


def test_connections_that_wait_at_a_listening_socket_are_unused() -> None:
    use = judge(pulses(*[{"queued": 3, "state": "LISTEN"}] * 3), IN)

    assert use.unused == "3 connections wait and were not accepted in 2.0 s"


def test_a_hang_up_alone_is_for_good() -> None:
    assert judge(pulses(*[{}] * 3), HUP).is_ready


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (connection(0, 0, sent=10), Use("nothing was sent in 2.0 s", is_exact=True, is_ready=True)),
        (connection(0, 0, sent=90), Use(is_used=True)),
        (connection(0, 0, sent=10, unsent=5), Use(is_used=True)),
    ],
)
def test_a_writer_is_unused_where_nothing_is_sent_and_nothing_waits(last: dict[str, Any], expected: Use) -> None:
    assert judge(pulses(connection(0, 0, sent=10), connection(0, 0, sent=10), last), OUT) == expected


def test_asked_for_both_a_descriptor_is_ready_to_be_written_to_where_nobody_does() -> None:
    silent = judge(pulses(*[connection(0, 0, sent=10)] * 3), IN | OUT)
    read = judge(pulses(connection(0, 0), connection(60, 0), connection(90, 0)), IN | OUT)

    assert silent == Use("nothing was sent in 2.0 s", is_exact=True, is_ready=True, is_written=True)
    assert read.is_used


def test_a_terminal_is_unused_only_where_the_thread_read_nothing_at_all() -> None:
    still = judge(pulses(*[{"read_bytes": 80}] * 3, kind="file"), IN)
    moved = judge(pulses({"read_bytes": 80}, {"read_bytes": 80}, {"read_bytes": 99}, kind="file"), IN)

    assert (still.unused, still.is_ready) == ("the thread read no byte of anything in 2.0 s", False)
    assert moved == UNKNOWN


def test_too_few_pulses_or_too_short_a_time_say_nothing() -> None:
    assert judge(pulses(*[connection(500, 40)] * 2), IN) == UNKNOWN
    assert judge(pulses(*[connection(500, 40)] * 3, apart_s=0.1), IN) == UNKNOWN


def test_a_number_that_came_to_mean_another_file_is_in_use() -> None:
    one, two, three = pulses(*[connection(500, 40)] * 3)
    another = Pulse(three.at_s, 100, 9, "socket", 4712, **connection(0, 0))

    assert judge([one, two, another], IN).is_used
