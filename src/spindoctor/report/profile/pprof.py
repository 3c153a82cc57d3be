"""Google's pprof: a gzipped protocol buffer.

Fields: https://github.com/google/pprof/blob/main/proto/profile.proto, wire format:
https://protobuf.dev/programming-guides/encoding/. Three field kinds are all it takes: varints, bytes, packed varints.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable

from spindoctor.model.frames import Frame
from spindoctor.model.profile import STATES, Lane, Profile, Spot
from spindoctor.report.profile.tables import Table
from spindoctor.report.words import safe

NS = 1_000_000_000
SAMPLE_TYPES = (("looks", "count"), ("cpu", "nanoseconds"), ("time", "nanoseconds"))

_VARINT, _BYTES = 0, 2
_MORE = 0x80
_WORD = (1 << 64) - 1

Key = tuple[tuple[int, ...], tuple[tuple[str, str | int], ...]]
Function = tuple[str, str]


def render(profile: Profile) -> bytes:
    """Equal stacks with equal labels (thread, process, route, task, state) added up."""
    return gzip.compress(_Message(profile).content, mtime=0)


class _Message:
    def __init__(self, profile: Profile) -> None:
        self._strings: Table[str] = Table()
        self._strings.place("")
        self._locations: Table[Frame] = Table()
        self._functions: Table[Function] = Table()
        samples = b"".join(self._samples(profile))
        parts = [
            *(_nested(1, self._value_type(*one)) for one in SAMPLE_TYPES),
            samples,
            *(_nested(4, self._location(number, frame)) for number, frame in enumerate(self._locations, 1)),
            *(_nested(5, self._function(number, key)) for number, key in enumerate(self._functions, 1)),
            _number(9, int(profile.started_at * NS)),
            _number(10, int(profile.seconds * NS)),
            _nested(11, self._value_type("time", "nanoseconds")),
            _number(12, int(NS / profile.rate_hz) if profile.rate_hz else 0),
            _number(14, self._strings.place("cpu")),
        ]
        strings = (_nested(6, text.encode("utf-8", "replace")) for text in self._strings)
        self.content = b"".join([*parts, *strings])

    def _samples(self, profile: Profile) -> Iterable[bytes]:
        totals: dict[Key, list[int]] = {}
        for lane in profile.lanes:
            for spot in lane.weighted:
                frames = tuple(self._locations.place(frame) + 1 for frame in reversed(spot.path))
                total = totals.setdefault((frames, _labels(lane, spot)), [0, 0, 0])
                for place, value in enumerate((spot.state != "unseen", spot.cpu_ns, int(spot.seconds * NS))):
                    total[place] += value
        for (frames, labels), total in totals.items():
            marks = b"".join(_nested(3, self._label(*label)) for label in labels)
            yield _nested(2, _packed(1, frames) + _packed(2, total) + marks)

    def _value_type(self, kind: str, unit: str) -> bytes:
        return _number(1, self._strings.place(kind)) + _number(2, self._strings.place(unit))

    def _label(self, key: str, value: str | int) -> bytes:
        head = _number(1, self._strings.place(key))
        return head + (_number(3, value) if isinstance(value, int) else _number(2, self._strings.place(safe(value))))

    def _location(self, number: int, frame: Frame) -> bytes:
        function = self._functions.place((frame.function, frame.file)) + 1
        return _number(1, number) + _nested(4, _number(1, function) + _number(2, frame.line))

    def _function(self, number: int, function: Function) -> bytes:
        name, file = (self._strings.place(safe(text)) for text in function)
        return _number(1, number) + _number(2, name) + _number(3, name) + _number(4, file)


def _labels(lane: Lane, spot: Spot) -> tuple[tuple[str, str | int], ...]:
    named = (("process", lane.process), ("thread", lane.name), ("thread id", lane.tid), ("route", spot.route))
    more = (("task", spot.coroutine), ("state", STATES[spot.state]))
    return tuple((key, value) for key, value in (*named, *more) if value is not None)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64-bit two's complement."""
    value &= _WORD
    found = bytearray()
    while value >= _MORE:
        found.append(value & (_MORE - 1) | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value) if value else b""


def _nested(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _packed(field: int, values: Iterable[int]) -> bytes:
    return _nested(field, b"".join(map(_varint, values)))
