"""Which exception a thread is handling, and whom the code that it came through wanted to reach."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spindoctor.cpython.exceptions import RawException
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.hot import Failure
from spindoctor.probe.interpreter import Interpreter

ADDRESSES = ("address", "sockaddr", "sa", "addr", "remote_addr", "remote_address")
"""What a socket address is called in a function that connects (the first is CPython's `socket.create_connection`)."""

HOSTS, PORTS = ("host", "hostname", "server"), ("port",)
MOST_FRAMES = 12
MOST_KEPT = 1000
PAIR = 2
SECRET = re.compile(r"(?<=://)[^/@\s]+@")
"""User and password in an address: no part of what failed, and nothing to keep."""


class FailureReader:
    """Reads the exceptions that threads handle; whom they wanted to reach is read once for each place."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._peers: dict[tuple[Frame, ...], str] = {}

    def read(self, at_s: float, tid: int, state: int) -> Failure | None:
        """What the thread whose state lies at `state` handles now; None where it is nothing, or was gone too soon."""
        try:
            found = self._interpreter.handled_exception(state)
        except Misread:
            return None
        if found is None:
            return None
        text = SECRET.sub("", found.text)
        return Failure(at_s, tid, found.kind, text, found.places, found.names[1:], self._peer(found))

    def _peer(self, found: RawException) -> str:
        if not self._peers.get(found.places) and len(self._peers) < MOST_KEPT:
            self._peers[found.places] = self._read_peer(found)
        return self._peers.get(found.places, "")

    def _read_peer(self, found: RawException) -> str:
        for frame in found.frames[:MOST_FRAMES]:
            try:
                names = self._interpreter.locals(self._interpreter.frame_at(frame))
                peer = self._address(names) or self._host_and_port(names)
            except Misread:
                continue
            if peer:
                return peer
        return ""

    def _address(self, names: Mapping[str, int]) -> str:
        for name in ADDRESSES:
            value = self._objects.value(names[name], 1) if name in names else None
            if isinstance(value, tuple) and len(value) >= PAIR and isinstance(value[0], str):
                return f"{value[0]}:{value[1]}"
            if isinstance(value, str) and value:
                return SECRET.sub("", value)
        return ""

    def _host_and_port(self, names: Mapping[str, int]) -> str:
        host = self._first(names, HOSTS, str)
        port = self._first(names, PORTS, int)
        return f"{host}:{port}" if host and port else ""

    def _first(self, names: Mapping[str, int], wanted: tuple[str, ...], kind: type) -> object:
        values = (self._objects.value(names[name], 1) for name in wanted if name in names)
        return next((value for value in values if isinstance(value, kind)), None)
