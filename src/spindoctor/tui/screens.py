"""What lies above the table for a while: a text to read, the keys."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

KEYS = """\
1 to 6, Tab     processes, threads, functions, lines, tasks, routes
up, down, ...   choose a row
Enter           the stacks behind the row
d               diagnose the process: three seconds, then the verdict
w               save a recording of it, for `spindoctor replay`
s, S            sort by the next column, by the one before
r               turn the order round
/               show only rows that have a text; Escape shows all again
Space           freeze, and go on
q, Ctrl-C       quit

CPU and waiting are in cores: 1.00 is one thread all the time. "Own"
is time in which the function itself ran or waited, "total" has what
it called. A thread that sleeps in its selector, or a pool's thread
without work, is idle and counts for neither.

Nothing is loaded into the service, and it is never stopped."""


class FilterBox(Input):
    """Where a filter is typed; the footer lists its two keys while it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep"),
        Binding("escape", "app.leave", "drop", key_display="Esc"),
    ]


class TextScreen(ModalScreen[None]):
    """A text that scrolls, over the table."""

    CSS = """
    TextScreen { align: center middle; }
    TextScreen VerticalScroll { width: 96%; height: 94%; background: $surface; border: round $primary; padding: 0 1; }
    TextScreen Static { width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "app.pop_screen", "back", key_display="Esc"),
    ]

    def __init__(self, text: str) -> None:
        """`text` may carry ANSI styles of ours; it is no markup."""
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        """The text and the way back."""
        with VerticalScroll():
            yield Static(Text.from_ansi(self.text, overflow="fold"))
        yield Footer()

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()


class HelpScreen(TextScreen):
    """The keys."""

    def __init__(self) -> None:
        """It says the same everywhere."""
        super().__init__(KEYS)
