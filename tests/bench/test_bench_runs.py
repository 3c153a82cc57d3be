"""Runs of the benchmark: how they are kept, and what follows from their figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import Run, load, merged, refuses, save


def test_runs_are_read_as_they_were_kept(tmp_path: Path) -> None:
    runs = [
        Run("founding", "3.12", "py-spy", 3.0, cores=0.2, missed=0.0),
        Run("founding", "3.15", "Austin", failed="no"),
    ]

    save(runs, tmp_path / "runs.json")

    assert load(tmp_path / "runs.json") == runs
    assert load(tmp_path / "none.json") == []


def test_a_field_that_is_no_longer_known_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text('[{"workload": "a", "python": "3.8", "reader": "b", "colour": "red"}]')

    assert load(tmp_path / "runs.json") == [Run("a", "3.8", "b")]


def test_what_is_measured_anew_takes_the_place_of_what_was_kept_of_the_same() -> None:
    kept = [Run("a", "3.8", "x", rate=1.0), Run("a", "3.8", "y", rate=2.0), Run("b", "3.8", "x", rate=3.0)]
    new = [Run("a", "3.8", "x", rate=4.0)]

    assert [one.rate for one in merged(kept, new, adds=False)] == [2.0, 3.0, 4.0]
    assert [one.rate for one in merged(kept, new, adds=True)] == [1.0, 2.0, 3.0, 4.0]


def test_the_cpu_of_a_look_is_that_of_the_run_divided_by_its_looks() -> None:
    """3 % of a core in 3 s are 90 ms, in 300 looks 300 us each."""
    run = Run("a", "3.8", "x", 3.0, cores=0.03, looks=300, whole_s=3.5)

    assert run.look_us == pytest.approx(300)
    assert run.around_s == pytest.approx(0.5)


def test_what_was_not_measured_has_no_figures() -> None:
    run = Run("a", "3.8", "x", 3.0, failed="exit status 1")

    assert (run.look_us, run.around_s, run.error, run.kept_rate) == (None, None, None, None)


def test_the_error_of_a_profile_has_no_sign() -> None:
    assert Run("a", "3.8", "x", share=0.40, true_share=0.46).error == pytest.approx(0.06)


def test_a_reader_refuses_a_python_only_if_it_never_ran_there() -> None:
    kept = [Run("a", "3.15", "x", failed="no"), Run("b", "3.15", "x", cores=0.1), Run("a", "3.8", "x", failed="no")]

    assert not refuses(kept, "x", "3.15")
    assert refuses(kept, "x", "3.8")
    assert not refuses(kept, "x", "3.12")
