"""What the other readers say of their own looks, in their own words."""

from __future__ import annotations

from pathlib import Path

from measuring import last_words
from peers import austin_looks, folded_share, py_spy_looks, sampling_looks

NOWHERE = Path("/nowhere")


def test_py_spy_counts_its_errors_beside_its_samples() -> None:
    assert py_spy_looks("py-spy> Wrote raw data to 'x'. Samples: 297 Errors: 3\n", NOWHERE) == (0.01, None)


def test_profiling_sampling_gives_its_errors_in_percent_and_only_where_there_are_some() -> None:
    said = "Captured 300 samples in 3.00 seconds\nSample rate: 100.00 samples/sec\n"

    assert sampling_looks(said, NOWHERE) == (0.0, 300)
    assert sampling_looks(said + "Error rate: 9.00\n", NOWHERE) == (0.09, 300)


def test_austin_counts_threads_and_not_looks() -> None:
    assert austin_looks("Error rate : \x1b[1m4/396\x1b[0m (\x1b[1m1.01 %\x1b[0m) invalid samples", NOWHERE) == (
        4 / 396,
        None,
    )


def test_a_reader_that_says_nothing_has_no_figures() -> None:
    assert [read("", NOWHERE) for read in (py_spy_looks, sampling_looks, austin_looks)] == [(None, None)] * 3


def test_the_share_of_one_function_is_that_of_the_thread_that_computes(tmp_path: Path) -> None:
    """30 of 40: the thread that prints is no part of it, a stack that lost its beginning is."""
    lines = ["a (x:1);truth (x:2);plain (x:3) 30", "truth (x:2);numbers (x:4) 6", "numbers (x:4) 4", "tell (x:9) 99"]
    (tmp_path / "out").write_text("\n".join(lines))

    assert folded_share(tmp_path / "out") == 0.75
    assert folded_share(tmp_path / "none") is None


def test_the_last_words_are_the_line_that_speaks_of_the_failure() -> None:
    said = "a banner\n\x1b[1mCannot attach to process 4711\x1b[0m\nPlease report an issue\n"

    assert last_words(said, 4711) == "Cannot attach to process PID"
    assert last_words("", 1) == "it said nothing"
