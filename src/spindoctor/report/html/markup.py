"""HTML that cannot be broken by what it shows: text is escaped unless it was built here."""

from __future__ import annotations

import html
from collections.abc import Iterable

from spindoctor.report.words import safe


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Markup | Iterable["Content"] | None
"""A text, an element, or several of them; None is nothing."""


def element(tag: str, *content: Content, **attributes: str | None) -> Markup:
    """An element; attributes that are None are left out.

    Of their names a trailing `_` is dropped (`class_`), other `_` become `-`.
    """
    named = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None)
    words = "".join(f' {name}="{html.escape(safe(value))}"' for name, value in named)
    return Markup(f"<{tag}{words}>{join(content)}</{tag}>")


def join(content: Content) -> Markup:
    """Several contents one after the other."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(html.escape(safe(content)))
    return Markup("".join(map(join, content)))


def listed(items: Iterable[Content], tag: str = "ul", **attributes: str | None) -> Markup | None:
    """A list; None where it would be empty."""
    rows = [element("li", item) for item in items]
    return element(tag, *rows, **attributes) if rows else None


def table(heads: Iterable[str], rows: Iterable[Iterable[Content]], **attributes: str | None) -> Markup | None:
    """A table that scrolls by itself where it is too wide; None where it would be empty."""
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    if not body:
        return None
    head = element("thead", element("tr", *(element("th", one, scope="col") for one in heads)))
    return element("div", element("table", head, element("tbody", *body), **attributes), class_="wide")


def link(url: str) -> Markup:
    """A link to a web page; what is no such address stays text."""
    if not url.startswith(("https://", "http://")):
        return join(url)
    return element("a", url, href=url, rel="noreferrer")
