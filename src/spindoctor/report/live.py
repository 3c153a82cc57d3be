"""The live view without a terminal: what is shown of a moment, in which order, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from spindoctor.model.counting import count
from spindoctor.model.live import Cell, Column, Dashboard, Gauges, Path, Row, Sheet, Unit
from spindoctor.report.page import Page
from spindoctor.report.sources import INSTALLED
from spindoctor.report.words import percent, seconds, sentence, shortened

KIB = 1024
WIDEST_CELL = 60
"""Characters of a cell of text: a table with one wide column shows nothing else."""

ROWS_AT_ONCE = 10
"""Rows of each table where all are printed one below the other."""

COMMAND_WIDTH = 50
INDENT = 2
GAP = 2
"""Blanks between two columns."""

BREAKS = (" /", "_-", ".")
"""Where a text goes on in the next line: after one of the first, else of the others, unless little would be left."""

MOST_LINES = 3
"""Lines that one cell may take where nothing is to be cut."""

CUT = "..."
NARROWEST_TEXT = 10
"""A name that is cut further tells nothing."""

Order = tuple[int, bool]
"""The place of a column, and whether its largest values come first."""


@dataclass(frozen=True, slots=True)
class View:
    """What the user wants to see; every change gives a new one. `orders` has the tables that were sorted otherwise."""

    name: str = "threads"
    filter: str = ""
    is_frozen: bool = False
    orders: Mapping[str, Order] = field(default_factory=dict)

    def order(self, sheet: Sheet) -> Order:
        """How a table is sorted: as wished, else as the table itself says."""
        return self.orders.get(sheet.name, (sheet.sort, True))

    def sorted_by_next(self, sheet: Sheet, step: int = 1) -> View:
        """The same sorted by the next column; numbers begin with the largest, texts with the first letter."""
        place = (self.order(sheet)[0] + step) % len(sheet.columns)
        return self._ordered(sheet, (place, sheet.columns[place].is_number))

    def reversed(self, sheet: Sheet) -> View:
        """The same, the other way round."""
        place, largest_first = self.order(sheet)
        return self._ordered(sheet, (place, not largest_first))

    def _ordered(self, sheet: Sheet, order: Order) -> View:
        return replace(self, orders={**self.orders, sheet.name: order})


def visible(sheet: Sheet, view: View) -> list[Row]:
    """The rows that have the filter's text in them, in the wished order."""
    place, largest_first = view.order(sheet)
    wanted = view.filter.casefold()
    rows = [row for row in sheet.rows if wanted in " ".join(map(str, row.cells)).casefold()]
    return sorted(rows, key=lambda row: row.cells[place], reverse=largest_first)


def headings(sheet: Sheet, view: View) -> list[str]:
    """The columns' names, the one sorted by marked with the direction."""
    place, largest_first = view.order(sheet)
    marks = ["" if n != place else " v" if largest_first else " ^" for n in range(len(sheet.columns))]
    return [f"{column.name}{mark}" for column, mark in zip(sheet.columns, marks, strict=True)]


def laid_out(titles: Sequence[str], sheet: Sheet, rows: Sequence[Row], sort: int, room: int) -> list[list[str]]:
    """The titles and the rows' cells as lines of padded words that fit the room, with blanks of `GAP` between them.

    Columns that there is no room for are left out, the one at place `sort` never is. Texts to the left have room before
    those to the right; the titles of numbers may take two lines.
    """
    pairs = zip(titles, sheet.columns, strict=True)
    stacked = [title.replace(" ", "\n", 1) if column.is_number else title for title, column in pairs]
    narrow = [max(title.split("\n"), key=len) for title in stacked]
    (_, *table), columns, kept = _planned(narrow, sheet, rows, sort, room)
    widths = _dealt([[narrow[place] for place in kept], *table], columns, room)
    shown = [_titled(stacked[place], column, width) for place, column, width in zip(kept, columns, widths, strict=True)]
    return [shown, *([_fitted(*one) for one in zip(line, columns, widths, strict=True)] for line in table)]


def _titled(title: str, column: Column, width: int) -> str:
    return "\n".join(_fitted(line, column, width) for line in title.split("\n"))


def printed(titles: Sequence[str], sheet: Sheet, rows: Sequence[Row], sort: int, room: int) -> list[list[list[str]]]:
    """The same for paper and pipes, where nobody can ask for more: what does not fit goes on in the next line.

    For the titles and for each row a list of lines.
    """
    pairs = list(zip(titles, sheet.columns, strict=True))
    narrow = [max(title.split(), key=len) if column.is_number else title for title, column in pairs]
    planned, columns, kept = _planned(narrow, sheet, rows, sort, room)
    widths = _widths(planned, columns, room)
    table = planned[1:]
    shown = [titles[place] for place in kept]
    return [_lines(line, columns, widths) for line in (shown, *table)]


def _lines(line: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> list[list[str]]:
    parts = [
        [
            piece.rjust(width) if column.is_number else piece.ljust(width)
            for piece in _pieces(cut(words, column.unit, MOST_LINES * width), width)
        ]
        for words, column, width in zip(line, columns, widths, strict=True)
    ]
    blanks = [" " * width for width in widths]
    return [
        [part[number] if number < len(part) else blank for part, blank in zip(parts, blanks, strict=True)]
        for number in range(max(map(len, parts)))
    ]


def _pieces(words: str, room: int) -> list[str]:
    """Words in pieces that fit, broken between words, folders or parts of a name where there is such a place."""
    pieces: list[str] = []
    while len(words) > room:
        ends = (max(words.rfind(mark, 0, room) + 1 for mark in marks) for marks in BREAKS)
        end = next((end for end in ends if end > room // 3), room)
        pieces.append(words[:end].rstrip())
        words = words[end:].lstrip()
    return [*pieces, words]


def _planned(
    titles: Sequence[str], sheet: Sheet, rows: Sequence[Row], sort: int, room: int
) -> tuple[list[list[str]], list[Column], list[int]]:
    """The words of titles and rows in the columns that are shown, these columns, and their places in the table."""
    table = [list(titles), *(cells(row, sheet.columns) for row in rows)]
    kept = _kept(table, sheet, rows, sort, room)
    columns = [sheet.columns[place] for place in kept]
    table = [[line[place] for place in kept] for line in table]
    return table, columns, kept


def cells(row: Row, columns: Sequence[Column]) -> list[str]:
    """A row's cells in words."""
    return [cell(value, column.unit) for value, column in zip(row.cells, columns, strict=True)]


def cell(value: Cell, unit: Unit) -> str:
    """One value in words."""
    if isinstance(value, str):
        return cut(sentence(INSTALLED.sub("", value) if unit == "place" else value), unit, WIDEST_CELL)
    if unit in {"cores", "mean"}:
        return f"{value:.2f}"
    if unit == "share":
        return percent(value)
    if unit == "seconds":
        return seconds(value)
    return _bytes(value) if unit == "bytes" else f"{value:.0f}"


def cut(words: str, unit: Unit, room: int) -> str:
    """A cell's words cut to the room; of a place the end stays, where file and line stand."""
    if len(words) <= room:
        return words
    return f"{CUT}{words[len(CUT) - room :]}" if unit == "place" else shortened(words, room)


def _bytes(value: float) -> str:
    return f"{value / KIB**3:.1f} GiB" if value >= KIB**3 else f"{value / KIB**2:.0f} MiB"


def header(board: Dashboard) -> list[str]:
    """The gauges, in lines that fit 80 columns."""
    one = board.gauges
    command = shortened(sentence(one.command), COMMAND_WIDTH) or "unknown command"
    lines = [f"pid {one.pid} ({command}) Python {one.python or 'unknown'}", _cpu(one), _loops(one), _looks(one)]
    return [*lines, f"! {sentence(board.note)}"] if board.note else lines


def _cpu(one: Gauges) -> str:
    allowed = f" ({one.allowed_cores:g} allowed)" if one.allowed_cores < one.machine_cores else ""
    gil = f"GIL held {percent(min(one.gil_held, 1.0))}, wanted by {one.gil_wanted:.1f} threads"
    return f"CPU {one.family_cores:.2f} of {one.machine_cores} cores{allowed}  {gil}"


def _loops(one: Gauges) -> str:
    family = f"{count(one.processes, 'process', 'processes')}, {count(one.threads, 'thread')}"
    late = f", {seconds(max(one.loop_late_s, 0.0))} late" if one.loop_late_s is not None else ""
    read = f" ({one.tasks_read:,} read)" if one.tasks_read < one.tasks else ""
    tasks = f"{count(one.tasks, 'task')}{read}"
    loops = f"{count(one.loops, 'event loop')}{late}, {tasks}" if one.loops else "no event loop"
    return f"{family}  {loops}"


def _looks(one: Gauges) -> str:
    return f"{count(one.looks, 'look')}, {one.missed:,} missed  own CPU {one.own_cores:.2f} cores"


def path_lines(path: Path, rank: int = 1) -> list[str]:
    """One stack in lines, outermost first: what share it has, then a line for each frame."""
    files = (f"{sentence(INSTALLED.sub('', one.file))}:{one.line}" if one.file else "" for one in path.stack)
    frames = [f"  {sentence(one.function)}  {file}".rstrip() for one, file in zip(path.stack, files, strict=True)]
    return [f"{rank}. {percent(path.share)}: {sentence(path.words)}", *(frames or ["  no Python frame"])]


def stack_lines(sheet: Sheet, row: Row) -> list[str]:
    """All that is known behind a row: its cells by name, and its stacks."""
    pairs = zip(sheet.columns, cells(row, sheet.columns), strict=True)
    lines = [f"{column.name}: {words}" for column, words in pairs if words]
    for rank, path in enumerate(row.paths, 1):
        lines += ["", *path_lines(path, rank)]
    return lines if row.paths else [*lines, "", "No stack is kept for this row."]


def render_once(board: Dashboard, *, width: int = 80, color: bool = False, names: Sequence[str] = ()) -> str:
    """One frame as text: the gauges and the first rows of each table (or of those called `names`)."""
    page = Page(width, color=color)
    for place, line in enumerate(header(board)):
        page.say(line, style="" if place else "bold", hang=2)
    for sheet in board.sheets:
        if not names or sheet.name in names:
            _show(page, sheet)
    page.blank()
    window = f"functions, lines and routes: of the last {seconds(board.window_s)}, requests in progress: at its end"
    page.say(window, style="dim", hang=2)
    return page.text


def _show(page: Page, sheet: Sheet) -> None:
    page.heading(sheet.name)
    rows = visible(sheet, View())[:ROWS_AT_ONCE]
    if not rows:
        page.say(sheet.empty, indent=INDENT)
        return
    titles = [column.name for column in sheet.columns]
    for place, lines in enumerate(printed(titles, sheet, rows, sheet.sort, page.width - INDENT)):
        for line in lines:
            page.say((" " * GAP).join(line).rstrip(), indent=INDENT, style="" if place else "dim")
    left = len(sheet.rows) - len(rows)
    if left:
        page.say(f"and {left:,} more", indent=INDENT, style="dim")


def _kept(table: Sequence[Sequence[str]], sheet: Sheet, rows: Sequence[Row], sort: int, room: int) -> list[int]:
    """The places of the columns that are shown.

    Where not all fit whole, numbers that are nothing in every row, or the same process in all, give their room to the
    texts; where even cut texts do not fit, other numbers go too, but for the one that the table is sorted by.
    """
    kept = list(range(len(sheet.columns)))
    numbers = [place for place in kept if sheet.columns[place].is_number and place != sort]
    texts = [place for place in kept if not sheet.columns[place].is_number and place != sort]
    silent = [place for place in numbers if _is_silent(sheet.columns[place], {row.cells[place] for row in rows})]
    for place in silent:
        if _least(table, sheet.columns, kept, WIDEST_CELL) > room:
            kept.remove(place)
    spare = [*texts, *(place for place in numbers if place in kept)]
    while spare and _least(table, sheet.columns, kept, NARROWEST_TEXT) > room:
        kept.remove(spare.pop())
    return kept


def _is_silent(column: Column, values: AbstractSet[Cell]) -> bool:
    return values == {0} or (column.name == "pid" and len(values) == 1)


def _least(table: Sequence[Sequence[str]], columns: Sequence[Column], kept: Sequence[int], text: int) -> int:
    """The room that these columns need where texts are cut to `text` characters."""
    widths = ((max(len(line[place]) for line in table), columns[place]) for place in kept)
    return sum(width if column.is_number else min(width, text) for width, column in widths) + GAP * (len(kept) - 1)


def _widths(table: Sequence[Sequence[str]], columns: Sequence[Column], room: int) -> list[int]:
    """The columns' widths; the widest texts give way until the row fits."""
    widths = [max(len(line[place]) for line in table) for place in range(len(columns))]
    texts = [place for place, column in enumerate(columns) if not column.is_number]
    while texts and sum(widths) + GAP * (len(widths) - 1) > room:
        widest = max(texts, key=lambda place: widths[place])
        if widths[widest] <= NARROWEST_TEXT:
            break
        widths[widest] -= 1
    return widths


def _dealt(table: Sequence[Sequence[str]], columns: Sequence[Column], room: int) -> list[int]:
    """Widths where nothing goes on in a next line; from the left each text first gets what tells rows apart."""
    texts = [place for place, column in enumerate(columns) if not column.is_number]
    whole = [max(len(line[place]) for line in table) for place in range(len(columns))]
    widths = [min(width, NARROWEST_TEXT) if place in texts else width for place, width in enumerate(whole)]
    left = room - sum(widths) - GAP * (len(widths) - 1)
    needed = [(place, max(_telling(line[place], columns[place]) for line in table)) for place in texts]
    for place, wanted in (*needed, *((place, whole[place]) for place in texts)):
        more = max(0, min(wanted - widths[place], left))
        widths[place] += more
        left -= more
    return widths


def _telling(words: str, column: Column) -> int:
    """Characters of a cell that tell it from others: of a place file and line, with what marks the cut before them."""
    name = words.rpartition("/")[2]
    return len(name) + len(CUT) if column.unit == "place" and name != words else len(words)


def _fitted(words: str, column: Column, width: int) -> str:
    return words.rjust(width) if column.is_number else cut(words, column.unit, width).ljust(width)
