"""What tells a process from its successors: from captured texts."""

from __future__ import annotations

import pytest

from spindoctor.errors import Gone
from spindoctor.probe import identity

STAT = b"7 (python) %s 1 1 1 0 -1 4194304 1 0 0 0 9 9 0 0 20 0 1 0 555 %d 1 18446744073709551615 1 1 %d " + b"0 " * 24


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says, one after the other: alive, after exec(2), and when its memory has been given back."""
    texts = iter([STAT % (b"R", 4096, 9000), STAT % (b"R", 4096, 8000), STAT % (b"R", 0, 0), STAT % (b"Z", 0, 0)])
    monkeypatch.setattr(identity, "read_bytes", lambda _path: next(texts))


@pytest.mark.usefixtures("tell")
def test_a_process_without_memory_is_ending_and_did_not_become_another() -> None:
    first = identity.read_identity(7)
    other = identity.read_identity(7, first)

    assert (first, other) == ((555, 9000), (555, 8000))
    with pytest.raises(Gone):
        identity.read_identity(7, first)
    with pytest.raises(Gone):
        identity.read_identity(7)


@pytest.mark.parametrize("known", [(555, 0), (555, 9000)], ids=["from the start", "since it dropped its rights"])
def test_who_may_not_see_the_stack_is_not_told_that_it_ends(
    monkeypatch: pytest.MonkeyPatch, known: tuple[int, int]
) -> None:
    """The kernel writes 0 for it; how much memory there is everybody may see."""
    monkeypatch.setattr(identity, "read_bytes", lambda _path: STAT % (b"S", 4096, 0))

    assert identity.read_identity(7, known) == (555, 0)
