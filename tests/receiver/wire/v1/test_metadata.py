"""The metadata of remote write 1.0 bodies."""

from __future__ import annotations

import numpy as np
import pytest

from receiver.wire.label_hash import new_secret
from receiver.wire.scan import LENGTH_TOO_LARGE, SCANNED, TRUNCATED, WRONG_WIRE_TYPE
from receiver.wire.v1.metadata import read_metadata
from tests.makers.bodies.rich import integer
from tests.twins.wire.v1 import message, tag

GUARD = b"\xff" * 16
SECRET = new_secret()
Entry = tuple[int, bytes, bytes, bytes]


def read(*contents: bytes) -> tuple[list[Entry], list[tuple[int, int]]]:
    """(kind, name, help, unit) of messages that lie between guards, and their hashes."""
    data, places = GUARD, []
    for k, content in enumerate(contents):
        places.append((k, len(data), len(data) + len(content)))
        data += content + GUARD
    count = len(contents)
    spans, kinds = np.full((count, 6), -9, np.int64), np.empty(count, np.int8)
    low, high = np.empty(count, np.uint64), np.empty(count, np.uint64)
    buffer = np.frombuffer(data, np.uint8)
    code, kept = read_metadata(buffer, np.array(places), SECRET, spans, kinds, low, high)
    if code != SCANNED:
        raise ValueError(int(code), int(kept) - len(GUARD))
    entries = [
        (kind, *(data[a:b] for a, b in zip(row[::2], row[1::2], strict=True)))
        for kind, row in zip(kinds[:kept].tolist(), spans[:kept].tolist(), strict=True)
    ]
    return entries, list(zip(low[:kept].tolist(), high[:kept].tolist(), strict=True))


def entry(kind: int, name: bytes, about: bytes = b"", unit: bytes = b"") -> bytes:
    return integer(1, kind) + message(2, name) + message(4, about) + message(5, unit)


def test_entries_with_a_name_are_read() -> None:
    contents = [
        entry(1, b"a_total", b"what", b"s"),
        b"",
        message(4, b"help without a name"),
        message(5, b"u") + message(9, b"?") + message(2, b"b") + message(2, b"c"),
        entry(8, b"d"),
        entry(1 << 40, b"e"),
    ]
    assert read(*contents)[0] == [
        (1, b"a_total", b"what", b"s"),
        (0, b"c", b"", b"u"),
        (0, b"d", b"", b""),
        (0, b"e", b"", b""),
    ]


def test_entries_have_equal_hashes_only_if_they_are_equal() -> None:
    entries = [
        (kind, name, about, unit)
        for kind in (1, 2)
        for name in (b"a", b"b")
        for about in (b"", b"a", b"b")
        for unit in (b"", b"a")
    ]
    _, hashes = read(*[entry(*one) for one in entries * 2])
    assert hashes[: len(entries)] == hashes[len(entries) :]
    assert len({*hashes}) == len({low for low, _ in hashes}) == len(entries)


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (message(2, b"a") + tag(4, 2) + b"\x05", LENGTH_TOO_LARGE, 3),
        (tag(1, 2) + b"\x00", WRONG_WIRE_TYPE, 0),
        (tag(2, 0) + b"\x00", WRONG_WIRE_TYPE, 0),
        (tag(1, 0) + b"\x80", TRUNCATED, 0),
        (tag(5, 5) + bytes(4), WRONG_WIRE_TYPE, 0),
    ],
)
def test_damaged_entries_are_refused_at_their_byte(content: bytes, code: int, place: int) -> None:
    with pytest.raises(ValueError) as caught:
        read(content)
    assert caught.value.args == (code, place)
