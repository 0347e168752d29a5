"""The exemplars of remote write 1.0 bodies."""

from __future__ import annotations

import numpy as np
import pytest

from receiver.wire.scan import LENGTH_TOO_LARGE, SCANNED, TRUNCATED, WRONG_WIRE_TYPE
from receiver.wire.v1.exemplars import read_exemplars
from tests.makers.bodies.rich import double, integer
from tests.twins.wire.v1 import label, message, tag

GUARD = b"\xff" * 16


def read(*contents: bytes) -> list[tuple[bytes, int, float]]:
    """(label bytes, timestamp, value) of exemplar messages that lie between guards."""
    data, places = GUARD, []
    for content in contents:
        places.append((0, len(data), len(data) + len(content)))
        data += content + GUARD
    count = len(contents)
    starts, ends, times = (np.full(count, -9, np.int64) for _ in range(3))
    bits = np.empty(count, np.uint64)
    buffer = np.frombuffer(data, np.uint8)
    code, place = read_exemplars(buffer, np.array(places), starts, ends, times, bits)
    if code != SCANNED:
        raise ValueError(int(code), int(place) - len(GUARD))
    return [
        (data[a:b], t, v)
        for a, b, t, v in zip(
            starts.tolist(), ends.tolist(), times.tolist(), bits.view(np.float64), strict=True
        )
    ]


A, B = label(b"a", b"1"), label(b"trace_id", b"x" * 200)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (b"", 0, 0.0)),
        (A + B + double(2, 1.5) + integer(3, 7), (A + B, 7, 1.5)),
        (integer(3, -7) + double(2, 1.5) + A, (A, -7, 1.5)),
        # What stands between labels belongs to the run.
        (A + integer(3, 7) + B, (A + integer(3, 7) + B, 7, 0.0)),
        (integer(3, 7) + integer(3, 8) + message(9, b"x"), (b"", 8, 0.0)),
        (message(1, b""), (message(1, b""), 0, 0.0)),
    ],
)
def test_exemplars(content: bytes, expected: tuple[bytes, int, float]) -> None:
    assert read(content, A, content) == [expected, (A, 0, 0.0), expected]


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (A + b"\x0a\x05", LENGTH_TOO_LARGE, len(A)),
        (message(1, b"\x0a\x05a"), LENGTH_TOO_LARGE, 0),
        (message(1, b"\x08\x05"), WRONG_WIRE_TYPE, 0),
        (tag(1, 0) + b"\x01", WRONG_WIRE_TYPE, 0),
        (A + tag(2, 0) + b"\x01", WRONG_WIRE_TYPE, len(A)),
        (tag(3, 1) + bytes(8), WRONG_WIRE_TYPE, 0),
        (tag(2, 1) + bytes(7), TRUNCATED, 0),
        (tag(3, 0), TRUNCATED, 0),
        (tag(3, 0) + b"\x80", TRUNCATED, 0),
    ],
)
def test_damaged_exemplars_are_refused_at_their_byte(content: bytes, code: int, place: int) -> None:
    with pytest.raises(ValueError) as caught:
        read(content)
    assert caught.value.args == (code, place)
