"""A value of the target as one short line of text, without what is secret by its name."""

from __future__ import annotations

import re

from spindoctor.cpython.values import Opaque

MOST_CHARACTERS = 160
"""One line and a half on a terminal."""

MOST_ITEMS = 8
HIDDEN = "***"

_SECRET = re.compile(
    r"(?i)pass(word|wd|phrase|code)?s?(_|$)|passw|pwd|secret|token|api_?key|private|credential|auth|cookie|session|"
    r"bearer|signature|signing|jwt|(^|_)(key|salt|seed|pin|otp|cvv|iban|ssn|dsn)s?(_|$)"
)
"""Words in the names of variables and keys whose values are for nobody's eyes."""

_URL_LOGIN = re.compile(r"(\w+://)[^/\s@'\"]*@")
"""`postgresql://user:password@host`: RFC 3986, userinfo."""


def is_secret(name: str) -> bool:
    """Whether a variable or key of this name may hold what must not be shown."""
    return bool(_SECRET.search(name.replace("-", "_")))


def describe(value: object) -> str:
    """The value as Python would write it, cut to `MOST_CHARACTERS`, the values of secret keys hidden."""
    text = _URL_LOGIN.sub(rf"\1{HIDDEN}@", _text(value))
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."


def _text(value: object) -> str:
    if isinstance(value, Opaque):
        return f"<{value.type_name} at {value.address:#x}>"
    if isinstance(value, dict):
        return f"{{{_items([_pair(key, one) for key, one in list(value.items())[:MOST_ITEMS]], len(value))}}}"
    if isinstance(value, list | tuple | set | frozenset):
        items = _items([_text(one) for one in list(value)[:MOST_ITEMS]], len(value))
        if isinstance(value, tuple):
            return f"({items},)" if len(value) == 1 else f"({items})"
        return f"[{items}]" if isinstance(value, list) else f"{{{items}}}"
    return repr(value)


def _pair(key: object, value: object) -> str:
    is_hidden = isinstance(key, str | bytes) and is_secret(key.decode("latin-1") if isinstance(key, bytes) else key)
    return f"{_text(key)}: {HIDDEN if is_hidden else _text(value)}"


def _items(texts: list[str], many: int) -> str:
    return ", ".join([*texts, *(["..."] if many > len(texts) else [])])
