"""`top` in a terminal: shows what the view-model says, and turns keys into wishes. It knows no figures of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Protocol

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.widgets import DataTable, Footer, Input, Static
from textual.worker import WorkerFailed

from spindoctor.errors import DoctorError
from spindoctor.model.live import Dashboard, Row, Sheet
from spindoctor.report.live import View, header, headings, laid_out, stack_lines, visible
from spindoctor.tui.screens import FilterBox, HelpScreen, TextScreen

MOST_ROWS = 200
"""Rows in the table: filling more takes longer than a tenth of a second."""

SCROLLBAR = 4
"""Columns that a table's scroll bar and its outer padding take."""

WAIT_S = 0.2
"""How often a frozen view asks whether it is still frozen."""


class Engine(Protocol):
    """What the view asks for."""

    def step(self) -> Dashboard:
        """Look for a moment; what to show. Raises `DoctorError`."""

    def diagnose(self, pid: int) -> str:
        """The report on a process, as text. Raises `DoctorError`."""

    def save(self, pid: int) -> str:
        """Save a recording; words that say where. Raises `DoctorError`."""


class TopApp(App[None]):
    """The live view of one service."""

    TITLE = "spindoctor top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #gauges { height: auto; padding: 0 1; background: $panel; }
    #names { height: 1; padding: 0 1; }
    #filter { height: 3; }
    #message { height: auto; padding: 0 1; color: $warning; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(f"{n}", f"show({n})", show=False) for n in range(1, 7)),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("enter", "drill", "stack", priority=True),
        Binding("d", "diagnose", "diagnose"),
        Binding("w", "save", "save"),
        Binding("s", "sort(1)", "sort"),
        Binding("S", "sort(-1)", show=False),
        Binding("r", "turn", "turn"),
        Binding("slash", "filter", "filter", key_display="/", priority=True),
        Binding("space", "freeze", "freeze"),
        Binding("tab", "next", "table", priority=True),
        Binding("q", "quit", "quit"),
        Binding("escape", "leave", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, engine: Engine) -> None:
        """`engine` looks; nothing is looked at before the app runs."""
        super().__init__()
        self.view = View()
        self.board: Dashboard | None = None
        self._engine = engine
        self._turn = threading.Lock()
        self._is_over = threading.Event()
        self._is_saving = False
        self._shown: list[Row] = []
        self._columns: list[str] = []

    @property
    def fault(self) -> BaseException | None:
        """What ended the app, where that was a fault of ours."""
        return self._exception.error if isinstance(self._exception, WorkerFailed) else self._exception

    def _fatal_error(self) -> None:
        """End without a report: Textual's own shows every variable, in hundreds of lines, to whoever looks."""
        self._close_messages_no_wait()

    def compose(self) -> ComposeResult:
        """Gauges, the tables' names, the filter, the table."""
        yield Static("looking ...", id="gauges", markup=False)
        yield Static("", id="names", markup=False)
        yield FilterBox(placeholder="text that rows must have; Enter keeps it, Escape drops it", id="filter")
        yield DataTable[Text](cursor_type="row", zebra_stripes=True)
        yield Static("", id="message", markup=False)
        footer = Footer(show_command_palette=False)
        footer.compact = True  # all keys but the last fit 80 columns
        yield footer

    def on_mount(self) -> None:
        """Begin to look."""
        self._box.display = False
        self.query_one(DataTable).focus()
        self._watch()

    def on_unmount(self) -> None:
        """Let the looking thread end."""
        self._is_over.set()

    @work(thread=True)
    def _watch(self) -> None:
        while not self._is_over.is_set():
            if self.view.is_frozen:
                self._is_over.wait(WAIT_S)
                continue
            try:
                with self._turn:
                    board = self._engine.step()
            except DoctorError as error:
                self._tell(f"{error.problem.rstrip('.')}. {error.hint}")
                return
            if not self._is_over.is_set():
                self.call_from_thread(self._take, board)

    def _take(self, board: Dashboard) -> None:
        if not self.view.is_frozen or self.board is None:
            self.board = board
            self._draw()

    @property
    def _sheet(self) -> Sheet | None:
        return self.board.sheet(self.view.name) if self.board else None

    def _draw(self) -> None:
        """Show the moment as the view wants it."""
        with suppress(*TAKEN_DOWN):
            self._show_moment()

    def _show_moment(self) -> None:
        """The cursor stays on its row, as far as that is still there."""
        table = self.screen_stack[0].query_one(DataTable)
        sheet = self._sheet
        if sheet is None or self.board is None:
            return
        self._label(self.board)
        key = self._selected.key if self._selected else None
        self._shown = visible(sheet, self.view)[:MOST_ROWS]
        self._fill(table, sheet)
        place = next(
            (n for n, row in enumerate(self._shown) if row.key == key), min(table.cursor_row, len(self._shown))
        )
        table.move_cursor(row=max(0, place))

    def _label(self, board: Dashboard) -> None:
        base = self.screen_stack[0]
        base.query_one("#gauges", Static).update(Text("\n".join(header(board))))
        names = Text()
        for number, sheet in enumerate(board.sheets, 1):
            names.append(f" {number} {sheet.name} ", style="reverse" if sheet.name == self.view.name else "")
        names.append("  FROZEN" if self.view.is_frozen else "", style="bold")
        names.append(f"  filter: {self.view.filter}" if self.view.filter else "", style="italic")
        base.query_one("#names", Static).update(names)

    def _fill(self, table: DataTable[Text], sheet: Sheet) -> None:
        titles, sort = headings(sheet, self.view), self.view.order(sheet)[0]
        wanted, *lines = laid_out(titles, sheet, self._shown, sort, self.size.width - SCROLLBAR)
        if wanted != self._columns:
            table.clear(columns=True)
            table.header_height = 1 + max(title.count("\n") for title in wanted)
            table.add_columns(*map(Text, wanted))
            self._columns = wanted
        else:
            table.clear()
        for row, line in zip(self._shown, lines, strict=True):
            table.add_row(*(Text(words, style="bold" if row.is_hot else "") for words in line))
        if not self._shown:
            words = "No row has the filter's text." if sheet.rows else sheet.empty
            table.add_row(Text(words), *([Text("")] * (len(wanted) - 1)))

    def on_resize(self) -> None:
        """Lay the columns out anew."""
        self._draw()

    @property
    def _selected(self) -> Row | None:
        table = self.screen_stack[0].query_one(DataTable)
        return self._shown[table.cursor_row] if 0 <= table.cursor_row < len(self._shown) else None

    def action_show(self, number: int) -> None:
        """Switch to the table of this number."""
        if self.board:
            self._wish(replace(self.view, name=self.board.sheets[number - 1].name, filter=""))

    def action_next(self) -> None:
        """Switch to the next table."""
        if self.board:
            names = [sheet.name for sheet in self.board.sheets]
            self.action_show((names.index(self.view.name) + 1) % len(names) + 1)

    def action_sort(self, step: int) -> None:
        """Sort by another column."""
        if sheet := self._sheet:
            self._wish(self.view.sorted_by_next(sheet, step))

    def action_turn(self) -> None:
        """Turn the order round."""
        if sheet := self._sheet:
            self._wish(self.view.reversed(sheet))

    def action_freeze(self) -> None:
        """Stop and go on."""
        self._wish(replace(self.view, is_frozen=not self.view.is_frozen))

    def action_filter(self) -> None:
        """Ask for a text. The focus moves at once: what is typed in the same breath is no command."""
        self._box.value = self.view.filter
        self._box.display = True
        self.screen.set_focus(self._box)

    @property
    def _box(self) -> FilterBox:
        return self.screen_stack[0].query_one(FilterBox)

    def action_leave(self) -> None:
        """Drop the filter."""
        self._close_filter("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show at once what is left of the rows."""
        if self._box.display:
            self._wish(replace(self.view, filter=event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        self._close_filter(event.value)

    def _close_filter(self, text: str) -> None:
        self._box.display = False
        self.query_one(DataTable).focus()
        self._wish(replace(self.view, filter=text))

    def _wish(self, view: View) -> None:
        self.view = view
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's signature
        """While a filter is typed or another screen is open, keys are theirs."""
        is_typing = isinstance(self.focused, Input)
        is_own = action in {"quit", "leave"} if is_typing else len(self.screen_stack) == 1 or action == "quit"
        return is_own or action not in _OWN

    def action_drill(self) -> None:
        """Show the stacks behind the row."""
        sheet, row = self._sheet, self._selected
        if sheet and row:
            self.push_screen(TextScreen("\n".join(stack_lines(sheet, row))))

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())

    def action_diagnose(self) -> None:
        """Diagnose the process of the row."""
        if row := self._selected:
            self._message(f"looking at pid {row.pid} for three seconds ...")
            self._ask(lambda: self._engine.diagnose(row.pid), self._show_report)

    def action_save(self) -> None:
        """Save a recording of the process of the row."""
        if row := self._selected:
            self._is_saving = True
            self._message(f"recording pid {row.pid} for three seconds ...")
            self._ask(lambda: self._engine.save(row.pid), self._saved)

    def _saved(self, words: str) -> None:
        self._is_saving = False
        self._message(words)

    async def action_quit(self) -> None:
        """Leave; while a recording is made, only when asked again."""
        if self._is_saving:
            self._is_saving = False
            self._message("a recording is being made and would be lost: q again to leave all the same")
        else:
            await super().action_quit()

    @work(thread=True)
    def _ask(self, question: Callable[[], str], then: Callable[[str], None]) -> None:
        """One thing looks at a time: the live view pauses meanwhile."""
        try:
            with self._turn:
                answer = question()
        except DoctorError as error:
            self._is_saving = False
            self._tell(f"{error.problem.rstrip('.')}. {error.hint}")
            return
        if not self._is_over.is_set():
            self.call_from_thread(then, answer)

    def _show_report(self, text: str) -> None:
        self._message("")
        self.push_screen(TextScreen(text))

    def _tell(self, words: str) -> None:
        if not self._is_over.is_set():
            self.call_from_thread(self._message, words)

    def _message(self, words: str) -> None:
        with suppress(*TAKEN_DOWN):
            self.screen_stack[0].query_one("#message", Static).update(Text(words))


TAKEN_DOWN = (NoMatches, IndexError)
"""How a screen shows that it is being left: its parts go one after the other, while a look may just have ended."""

_OWN = frozenset({"show", "next", "sort", "turn", "freeze", "filter", "drill", "diagnose", "save", "help", "leave"})
"""Actions that belong to the table: other screens and the filter take their keys for themselves."""
