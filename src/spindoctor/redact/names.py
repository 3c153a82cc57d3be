"""Names: words that the code itself uses stay, all others get a pseudonym."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")
_NUMBERED = re.compile(r"([^\W\d_]+)(\d{0,3})")
_CODE = re.compile(r"[\w.<>$]*")

_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|(?<![\w:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])"
)

SHORT = 2
"""Letters of a word that tells nothing."""

MOST_DIGITS = 3
"""Digits of a number that tells nothing: the counters behind the names of threads and tasks."""

MOST_DIGITS_TOGETHER = 6
"""A text with more digits than this may be a telephone number or an identity."""

PLAIN = frozenset({
    "main", "thread", "threads", "worker", "workers", "pool", "executor", "server", "client", "process",
    "task", "timer", "loop", "monitor", "reader", "writer", "queue", "producer", "consumer", "scheduler",
    "background", "dummy", "default", "event", "get", "post", "put", "user", "host", "name", "folder", "file",
    "root", "service", "python", "asyncio", "threading", "concurrent", "futures", "multiprocessing", "socket",
})  # fmt: skip
"""Words that say nothing about anybody, and those that our own pseudonyms are made of."""

EVERYBODY = frozenset({"root", "nobody", "www-data", "daemon"})
"""Accounts that every system has: they name nobody."""


class Names:
    """Treats names; one instance for one recording, so that a name has the same pseudonym everywhere."""

    def __init__(self, users: Iterable[str]) -> None:
        """`users` are accounts; they are never taken for words of the code."""
        self._people: set[str] = set()
        self._known: set[str] = set(PLAIN)
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

        self.meet(users)

    def meet(self, users: Iterable[str]) -> None:
        """Hide these accounts, too, from now on."""
        own = [user for user in users if user not in EVERYBODY and not re.fullmatch(r"user-\d+", user)]
        self._people |= {word.lower() for user in own for word in _WORD.findall(user) if len(word) > SHORT}
        self._known -= self._people

    def learn(self, names: Iterable[str]) -> None:
        """Take the words of names in the code for words that may be shown, unless they have a pseudonym by now."""
        for name in names:
            words = {part.lower() for part in _CAMEL.findall(name)} - self._people
            self._known.update(word for word in words if ("name", word) not in self._given)

    def pseudonym(self, kind: str, name: str) -> str:
        """`kind-1`, `kind-2`, ... in the order of asking; one that is a pseudonym already stays."""
        if not name or re.fullmatch(rf"{kind}-\d+", name):
            return name
        if (kind, name) not in self._given:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._given[kind, name] = f"{kind}-{self._counts[kind]}"
        return self._given[kind, name]

    def is_known(self, text: str) -> bool:
        """Whether all words of the text are words of the code."""
        return self.words(text) == text

    def code(self, name: str) -> str:
        """A name in source code stays; what cannot be one is treated as any other name."""
        return name if _CODE.fullmatch(name) else self.words(name)

    def words(self, text: str) -> str:
        """The text with every word that is none of the code's replaced by its pseudonym."""
        text = self.addresses(text)
        many = sum(one.isdigit() for one in text) > MOST_DIGITS_TOGETHER
        return _WORD.sub(lambda match: self._word(match.group(), hide_numbers=many), text)

    def _word(self, word: str, *, hide_numbers: bool) -> str:
        if word.isdecimal():
            return self.pseudonym("name", word) if hide_numbers or len(word) > MOST_DIGITS else word
        split = _NUMBERED.fullmatch(word)
        is_hidden = ("name", word.lower()) in self._given
        if split and not is_hidden and not (hide_numbers and split[2]) and self._is_plain(split[1]):
            return word
        return self.pseudonym("name", word.lower())

    def _is_plain(self, letters: str) -> bool:
        if len(letters) <= SHORT or letters.lower() in self._known:
            return letters.lower() not in self._people
        parts = _CAMEL.findall(letters)
        return len(parts) > 1 and all(part.lower() in self._known or len(part) <= SHORT for part in parts)

    def without_people(self, text: str) -> str:
        """A text with accounts of the service hidden, its other words as they are."""
        return _WORD.sub(lambda match: self._person(match.group()), text)

    def _person(self, word: str) -> str:
        return self.pseudonym("user", word) if word.lower() in self._people else word

    def address(self, text: str) -> str | None:
        """`host:port` with its host hidden; None for what is none. Addresses of this very machine tell nothing."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal():
            return None
        hidden = self._host(host.strip("[]"))
        return f"{hidden}:{port}" if hidden else None

    def addresses(self, text: str) -> str:
        """A text with the hosts of all numeric addresses in it hidden."""
        return _ADDRESS.sub(lambda match: self._host(match.group()) or match.group(), text)

    def host(self, name: str) -> str:
        """The pseudonym of a host."""
        return self.pseudonym("host", name.lower())

    def _host(self, text: str) -> str | None:
        try:
            address = ip_address(text)
        except ValueError:
            return text if re.fullmatch(r"host-\d+|\*", text) else None
        mapped = getattr(address, "ipv4_mapped", None) or address
        return text if mapped.is_loopback or mapped.is_unspecified else self.host(str(mapped))
