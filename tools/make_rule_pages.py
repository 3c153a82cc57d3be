"""Writes `docs/rules/`: a page for each rule, which is its module's docstring, and an index.

`python tools/make_rule_pages.py` writes them; a test compares. Edit the docstring, never the page.
"""

from __future__ import annotations

from pathlib import Path

from spindoctor.model.rule import Rule
from spindoctor.rules import ALL_RULES

PAGES = Path(__file__).resolve().parents[1] / "docs" / "rules"

INDEX_HEAD = """# The rules

One rule is one mechanism. Each page says what is seen, why it hurts, what to do, and how the rule can be wrong;
`spindoctor explain SLUG` prints the same. The pages are generated from the rules' docstrings by
`tools/make_rule_pages.py`.

| rule | the service has |
| --- | --- |
"""


def pages() -> dict[str, str]:
    """File name to text, for all pages and the index."""
    lines = [f"| [{rule.slug}]({rule.slug}.md) | {_first_line(rule)} |" for rule in ALL_RULES]
    return {"index.md": INDEX_HEAD + "\n".join(lines) + "\n", **{f"{rule.slug}.md": _page(rule) for rule in ALL_RULES}}


def _page(rule: Rule) -> str:
    rest = rule.page.partition("\n")[2].strip()
    return f"# {rule.title}\n\n`{rule.slug}`: {_first_line(rule)}\n\n{rest}\n"


def _first_line(rule: Rule) -> str:
    return rule.page.partition("\n")[0].strip()


def main() -> None:
    """Write all pages and remove those of rules that are gone."""
    PAGES.mkdir(parents=True, exist_ok=True)
    told = pages()
    for name, text in told.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    for stale in {path.name for path in PAGES.glob("*.md")} - told.keys():
        (PAGES / stale).unlink()


if __name__ == "__main__":
    main()
