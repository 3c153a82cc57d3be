"""The rules' pages in `docs/` are what their docstrings say."""

from __future__ import annotations

import sys

from rule_cases import HERE

ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tools"))

import make_rule_pages  # noqa: E402


def test_pages_are_current() -> None:
    """Run `python tools/make_rule_pages.py` after a change of a rule's docstring."""
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "rules").glob("*.md")}

    assert make_rule_pages.pages() == written


def test_index_links_every_rule() -> None:
    index = make_rule_pages.pages()["index.md"]

    assert [slug for slug in make_rule_pages.pages() if f"({slug})" not in index] == ["index.md"]
