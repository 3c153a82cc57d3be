"""The page of the benchmark, from runs that are made up."""

from __future__ import annotations

from aims import Aim, aims
from pages import page
from runs import Run

FOUNDING = [
    Run("founding", "3.12", "none", 3.0, rate=1000.0),
    Run(
        "founding",
        "3.12",
        "spindoctor",
        3.0,
        cores=0.01,
        looks=300,
        whole_s=3.9,
        memory_mb=40,
        missed=0.001,
        rate=990.0,
    ),
    Run("founding", "3.12", "py-spy", 3.0, version="0.4.3", cores=0.10, looks=300, whole_s=3.1, rate=600.0),
    Run("founding", "3.15", "Austin", 3.0, version="4.0.0", failed="exit status 10: no | version"),
]


def line(text: str, start: str) -> str:
    return next(one for one in text.splitlines() if one.startswith(start))


def found(runs: list[Run], what: str) -> Aim:
    return next(one for one in aims(runs) if one.what.startswith(what))


def test_a_table_shows_each_reader_beside_the_target_with_nobody_looking() -> None:
    told = page(FOUNDING)

    assert line(told, "| reader | runs | CPU") == (
        "| reader | runs | CPU, % | a look, us | looks | beyond the look, s | memory, MB | missed, % | target |"
    )
    assert line(told, "| spindoctor") == "| spindoctor | 1 | 1.00 | 100 | 300 | 0.90 | 40 | 0.10 | 0.99 |"
    assert line(told, "| py-spy") == "| py-spy | 1 | 10.00 | 1000 | 300 | 0.10 |  |  | 0.60 |"


def test_a_reader_that_does_not_run_is_told_with_its_own_words() -> None:
    assert "| Austin 4.0.0 | 3.15 | `exit status 10: no \\| version` |" in page(FOUNDING)


def test_without_wrk_the_page_says_so() -> None:
    assert "Not measured: it needs `wrk` (`apt-get install wrk`)." in page(FOUNDING)


def test_an_aim_that_is_missed_says_so() -> None:
    """1 % is a tenth of 10 %, and a twentieth was aimed at."""
    aim = found(FOUNDING, "own CPU at 100 looks a second")

    assert (aim.measured, aim.verdict) == ("1.00 % to 10.00 %: 0.100", "**not met**")


def test_an_aim_that_is_reached_says_so() -> None:
    assert found(FOUNDING, "`diagnose --seconds 3`").verdict == "met"
    assert found(FOUNDING, "own memory, founding").verdict == "met"
    assert found(FOUNDING, "missed or torn looks, founding").verdict == "met"


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert found(FOUNDING, "`spindoctor --help`").verdict == "not measured"
    assert {one.verdict for one in aims([])} == {"not measured"}


def test_looks_that_one_run_of_three_misses_are_not_hidden_by_the_middle_one() -> None:
    """0, 0 and 3 % are 1 % in the mean."""
    runs = [Run("truth", "3.9", "spindoctor", 3.0, missed=share, looks=300) for share in (0.0, 0.0, 0.03)]

    assert found(runs, "missed or torn looks, truth").verdict == "**not met**"


def test_throughput_is_judged_by_pairs() -> None:
    """Each pair loses a tenth, give or take a hundredth: that is no noise."""
    runs = [Run("fastapi", "3.12", "spindoctor", rate=rate, beside=1000.0) for rate in (890.0, 900.0, 910.0)]

    assert found(runs, "the service's requests").verdict == "**not met**"
    assert "| spindoctor | 3 | 900 (890-910) | 0.900 (" in page(runs)


def test_pairs_that_scatter_too_much_say_nothing_of_throughput() -> None:
    runs = [Run("fastapi", "3.12", "spindoctor", rate=rate, beside=1000.0) for rate in (700.0, 900.0, 1200.0)]

    assert found(runs, "the service's requests").verdict == "cannot be told"


def test_the_profiles_error_is_held_against_each_of_the_others() -> None:
    def run(reader: str, share: float) -> Run:
        return Run("truth", "3.15", reader, 3.0, share=share, true_share=0.5)

    runs = [run("spindoctor", 0.48), run("py-spy", 0.40), run("profiling.sampling", 0.49)]

    aim = found(runs, "the profile's error")
    assert (aim.measured, aim.is_met) == ("spindoctor 2.0, py-spy 10.0, profiling.sampling 1.0", False)


def test_cost_grows_with_what_runs_is_asked_of_a_hundredfold() -> None:
    few = Run("threads-10", "3.12", "spindoctor", cores=0.02)

    assert found([few, Run("threads-1000", "3.12", "spindoctor", cores=0.03)], "cost with 1,000").is_met
    assert found([few, Run("threads-1000", "3.12", "spindoctor", cores=0.05)], "cost with 1,000").is_met is False
