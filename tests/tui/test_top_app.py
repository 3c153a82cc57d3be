"""What the keys of the live view do, on an engine that looks at nothing."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import DataTable, Static
from textual.widgets._footer import FooterKey

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from example_dashboards import BOARD, GAUGES, TASKS

from spindoctor.errors import DoctorError
from spindoctor.model.live import Dashboard
from spindoctor.tui.app import TopApp
from spindoctor.tui.screens import HelpScreen, TextScreen

SIX = replace(BOARD, sheets=(*BOARD.sheets, *(replace(TASKS, name=name) for name in ("a", "b", "c"))))


class FakeEngine:
    """Shows one moment, and remembers what it was asked."""

    def __init__(self, board: Dashboard = SIX) -> None:
        self.board = board
        self.asked: list[str] = []
        self.error: DoctorError | None = None

    def step(self) -> Dashboard:
        """A look takes its time, and leaves the interpreter to the view meanwhile."""
        threading.Event().wait(0.03)
        self.asked.append("step")
        if self.error:
            raise self.error
        return self.board

    def diagnose(self, pid: int) -> str:
        self.asked.append(f"diagnose {pid}")
        return "\x1b[1mpid 4242: A pool is exhausted\x1b[0m"

    def save(self, pid: int) -> str:
        self.asked.append(f"save {pid}")
        return "saved here.spinrec"


Scene = Callable[[TopApp, Pilot[None]], Awaitable[None]]


def play(scene: Scene, engine: FakeEngine | None = None, width: int = 100) -> FakeEngine:
    """Runs a scene with an app that has shown its first moment."""
    asked = engine or FakeEngine()

    async def run() -> None:
        app = TopApp(asked)
        async with app.run_test(size=(width, 30)) as pilot:
            for _ in range(200):
                await pilot.pause(0.01)
                if app.board or asked.error:
                    break
            await scene(app, pilot)

    asyncio.run(run())
    return asked


async def until(pilot: Pilot[None], is_so: Callable[[], bool]) -> None:
    for _ in range(300):
        if is_so():
            return
        await pilot.pause(0.01)
    pytest.fail("it never came")


def rows(app: TopApp) -> list[str]:
    table = app.screen_stack[0].query_one(DataTable)
    return [str(table.get_row_at(n)[0]).strip() for n in range(table.row_count)]


def shown(app: TopApp, name: str) -> str:
    return str(app.screen_stack[0].query_one(name, Static).render())


def test_gauges_and_threads_come_first() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert "1.02 of 2 cores" in shown(app, "#gauges")
        assert rows(app) == ["MainThread", r"worker [red]<b>\x1b[31m", "another"]

    play(scene)


@pytest.mark.parametrize(
    ("keys", "name"), [(("2",), "lines"), (("3",), "tasks"), (("tab",), "lines"), (("tab",) * 6, "threads")]
)
def test_numbers_and_tab_switch_tables(keys: tuple[str, ...], name: str) -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        assert app.view.name == name

    play(scene)


def test_an_empty_table_says_why() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("3")
        assert rows(app) == ["No task was seen."]

    play(scene)


def test_s_sorts_and_r_turns() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        assert rows(app)[0] == "another"
        await pilot.press("r")
        assert rows(app)[0] == "MainThread"

    play(scene)


def test_a_filter_is_typed_kept_and_dropped() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"another", "enter")
        assert rows(app) == ["another"]
        assert "filter: another" in shown(app, "#names")
        await pilot.press("escape")
        assert len(rows(app)) == 3

    play(scene)


def test_rows_are_filtered_while_the_filter_is_typed() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"anoth")
        await until(pilot, lambda: rows(app) == ["another"])
        await pilot.press(*["backspace"] * len("anoth"))
        await until(pilot, lambda: len(rows(app)) == 3)
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.query_one(DataTable))
        assert app.view.filter == ""

    play(scene)


def test_letters_typed_into_the_filter_are_no_commands() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"swdq2?", "slash")
        assert len(app.screen_stack) == 1
        assert app.view.name == "threads"
        await pilot.press("enter")
        assert app.view.filter == "swdq2?/"

    assert set(play(scene).asked) == {"step"}


def footer(app: TopApp) -> dict[str, str]:
    """What the footer offers: the names of the keys, and what they do."""
    return {one.key_display: one.description for one in app.query(FooterKey)}


def test_the_footer_says_how_to_leave_a_filter_while_it_is_typed() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: footer(app).get("/") == "filter")
        await pilot.press("slash", *"an")
        await until(pilot, lambda: set(footer(app).values()) == {"keep", "drop"})
        await pilot.press("enter")
        await until(pilot, lambda: footer(app).get("/") == "filter")

    play(scene)


def test_what_is_typed_in_one_breath_with_the_slash_is_the_filters() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        for key in "/dan":  # at once, as a terminal hands over what was pasted
            app.post_message(events.Key("slash" if key == "/" else key, key))
        await until(pilot, lambda: app.view.filter == "dan")

    assert set(play(scene).asked) == {"step"}


def test_space_freezes_and_goes_on() -> None:
    engine = FakeEngine()

    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("space")
        engine.board = replace(SIX, gauges=replace(GAUGES, family_cores=0.25))
        await pilot.pause(0.3)
        assert "FROZEN" in shown(app, "#names")
        assert "1.02 of 2 cores" in shown(app, "#gauges")
        await pilot.press("space")
        await until(pilot, lambda: "0.25 of 2 cores" in shown(app, "#gauges"))

    play(scene, engine)


def test_enter_opens_the_stacks_and_escape_closes_them() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        assert isinstance(app.screen, TextScreen)
        assert "handler  /srv/app.py:41" in app.screen.text
        await pilot.press("escape")
        assert len(app.screen_stack) == 1

    play(scene)


def test_a_long_line_of_a_text_goes_on_below_rather_than_end_within_a_number() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        app.push_screen(TextScreen("  RequestResponseCycle.run_asgi  " + "folder/" * 5 + "h11_impl.py:4117"))
        await pilot.pause()
        words = app.screen.query_one(Static)
        assert words.size.width <= app.size.width
        assert words.size.height == 2

    play(scene, width=72)


def test_the_cursor_chooses_the_row() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down", "enter")
        assert isinstance(app.screen, TextScreen)
        assert "thread: another" in app.screen.text

    play(scene)


def test_d_diagnoses_the_process_of_the_row() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down", "d")
        await until(pilot, lambda: isinstance(app.screen, TextScreen))
        assert isinstance(app.screen, TextScreen)
        assert "A pool is exhausted" in app.screen.text

    assert "diagnose 4243" in play(scene).asked


def test_w_saves_a_recording_and_says_where() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("w")
        await until(pilot, lambda: "saved here.spinrec" in shown(app, "#message"))

    assert "save 4242" in play(scene).asked


def test_a_question_mark_lists_the_keys() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "diagnose the process" in app.screen.text
        await pilot.press("q")
        assert len(app.screen_stack) == 1

    play(scene)


def test_a_process_that_is_gone_is_said_and_the_view_stays() -> None:
    engine = FakeEngine()
    engine.error = DoctorError("There is no process 4242 (any more).", "Run `spindoctor`.")

    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "no process 4242" in shown(app, "#message"))

    play(scene, engine)


def test_q_quits() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    play(scene)


def test_a_recording_that_is_being_made_is_dropped_only_when_asked_again() -> None:
    engine, go_on = FakeEngine(), threading.Event()
    engine.save = lambda pid: "saved" if go_on.wait(10) and pid else ""  # type: ignore[method-assign]

    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("w", "q")
        await until(pilot, lambda: "would be lost" in shown(app, "#message"))
        assert app.is_running
        await pilot.press("q")
        go_on.set()
        await until(pilot, lambda: not app.is_running)

    play(scene, engine)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_column_is_in_sight_and_a_place_keeps_its_end(width: int) -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await pilot.pause()
        table = app.query_one(DataTable)
        assert rows(app) == ["0.90"]
        assert table.virtual_size.width <= width
        assert str(table.get_row_at(0)[2]).endswith("app.py:41")

    play(scene, width=width)


def test_columns_are_laid_out_anew_when_the_terminal_grows() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        before = app.query_one(DataTable).virtual_size.width
        await pilot.resize_terminal(140, 30)
        await until(pilot, lambda: app.query_one(DataTable).virtual_size.width > before)

    play(scene, width=60)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 3), (30, 6)])
def test_a_terminal_that_shows_next_to_nothing_is_no_fault(width: int, height: int) -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.resize_terminal(width, height)
        for key in "123456?":
            await pilot.press(key)
        await pilot.press("escape")
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: len(rows(app)) > 0)

    play(scene)


def test_a_fault_ends_the_view_without_a_word_and_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    """Textual's own report shows every variable; the command line tells of it in a line."""
    engine = FakeEngine()
    engine.step = lambda: {}["hunter2"]  # type: ignore[method-assign]
    app = TopApp(engine)

    app.run(headless=True)

    assert isinstance(app.fault, KeyError)
    assert "hunter2" not in "".join(capfd.readouterr())


def test_the_keys_that_do_something_with_what_is_seen_show_in_eighty_columns() -> None:
    async def scene(app: TopApp, pilot: Pilot[None]) -> None:
        await pilot.pause(0.2)
        ends = {key.description: key.region.right for key in app.query(FooterKey)}
        inside = {name for name, right in ends.items() if right <= 80}
        assert inside >= {"help", "stack", "diagnose", "save", "sort", "filter", "freeze", "table"}, ends

    play(scene, width=80)
