"""Values of the target as text: short, and without what is secret by its name."""

from __future__ import annotations

import pytest

from spindoctor.cpython.values import Opaque
from spindoctor.probe.texts import MOST_CHARACTERS, describe, is_secret


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "passwd",
        "PASSPHRASE",
        "pwd",
        "dbpass",
        "secret",
        "client_secret",
        "api_key",
        "apikey",
        "API-KEY",
        "token",
        "access_token",
        "csrf_token",
        "key",
        "private_key",
        "authorization",
        "auth",
        "cookie",
        "Set-Cookie",
        "session_id",
        "credentials",
        "signature",
        "jwt",
        "salt",
        "pin",
        "dsn",
        "X-Api-Key",
        "sentry_dsn",
        "pass_",
    ],
)
def test_a_name_that_may_hold_a_secret_is_recognised(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["keyboard", "monkey", "user", "passenger", "pinned", "host", "salty"])
def test_a_name_that_only_looks_like_one_is_not(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("it's", '"it\'s"'),
        (b"\x00", "b'\\x00'"),
        ((1,), "(1,)"),
        ([1, 2], "[1, 2]"),
        (set(), "{}"),
        ({"a": 1, "password": "hunter2"}, "{'a': 1, 'password': ***}"),
        ({b"authorization": b"Basic x"}, "{b'authorization': ***}"),
        ({"outer": {"token": "x"}}, "{'outer': {'token': ***}}"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, ...]"),
        (Opaque("Request", 0xAB), "<Request at 0xab>"),
        ("postgresql://ann:hunter2@db:5432/shop", "'postgresql://***@db:5432/shop'"),
    ],
)
def test_a_value_is_one_short_line(value: object, text: str) -> None:
    assert describe(value) == text


def test_a_long_value_is_cut() -> None:
    text = describe("x" * 500)

    assert len(text) == MOST_CHARACTERS
    assert text.endswith("...")
