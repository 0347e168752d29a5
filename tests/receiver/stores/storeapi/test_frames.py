"""The scanner of frames against a plain one, with whole frames and with damaged ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.stores.storeapi.frames import FrameError, scan
from receiver.wire.messages import message_field, number_field
from tests.twins.storage.store_frames import Piece, TwinError, scan_plainly

texts = st.binary(max_size=200)
chunks = st.builds(
    lambda kind, data, rest: number_field(1, kind) + message_field(2, data) + rest,
    st.integers(0, 5),
    texts,
    st.sampled_from([b"", number_field(3, 1 << 63)]),
)
aggregates = st.builds(
    lambda first, last, parts: (
        number_field(1, first)
        + number_field(2, last)
        + b"".join(message_field(3 + kind, chunk) for kind, chunk in parts)
    ),
    st.integers(-(1 << 62), 1 << 62),
    st.integers(-(1 << 62), 1 << 62),
    st.lists(st.tuples(st.integers(0, 5), chunks), max_size=3),
)
labels = st.builds(lambda a, b: message_field(1, a) + message_field(2, b), texts, texts)
series = st.builds(
    lambda own, parts, rest: (
        b"".join(message_field(1, label) for label in own)
        + b"".join(message_field(2, part) for part in parts)
        + rest
    ),
    st.lists(labels, max_size=4),
    st.lists(aggregates, max_size=3),
    st.sampled_from([b"", message_field(9, b"later"), number_field(7, 3)]),
)
frames = st.one_of(
    st.builds(lambda own: message_field(1, own), series),
    st.builds(
        lambda own: message_field(4, b"".join(message_field(1, each) for each in own)),
        st.lists(series, max_size=3),
    ),
    st.builds(lambda text: message_field(2, text), texts),
    st.builds(lambda text: message_field(3, text), texts),
)


read_chunks = st.builds(
    lambda first, last, kind, data: (
        number_field(1, first) + number_field(2, last) + number_field(3, kind) + data
    ),
    st.integers(-(1 << 62), 1 << 62),
    st.integers(-(1 << 62), 1 << 62),
    st.integers(0, 9),
    st.builds(lambda data: message_field(4, data), texts) | st.just(b""),
)
read_frames = st.builds(
    lambda own, parts: (
        message_field(
            1,
            b"".join(message_field(1, label) for label in own)
            + b"".join(message_field(2, part) for part in parts),
        )
        + number_field(2, 1)
    ),
    st.lists(labels, max_size=4),
    st.lists(read_chunks, max_size=3),
)


def scanned(
    parts: list[bytes], *, of_read: bool = False
) -> tuple[list[list[tuple[bytes, bytes]]], list[Piece], list[bytes]]:
    """What the kernel finds, as plain values."""
    text = b"".join(parts)
    buffer = np.frombuffer(text + bytes(8), np.uint8)
    found = scan(buffer, np.cumsum([len(part) for part in parts]), of_read=of_read)
    pairs = [
        (text[name : name + name_size], text[value : value + value_size])
        for name, name_size, value, value_size in found.labels.tolist()
    ]
    offsets = found.label_offsets.tolist()
    own = [pairs[a:b] for a, b in zip(offsets, offsets[1:], strict=False)]
    pieces = [
        Piece(owner, kind, first, last, encoding, text[start:end])
        for owner, kind, first, last, encoding, start, end in found.pieces.tolist()
    ]
    return own, pieces, [text[a:b] for a, b in found.warnings.tolist()]


@settings(max_examples=300)
@given(st.lists(frames, max_size=5))
def test_frames_are_read_as_they_are(parts: list[bytes]) -> None:
    assert scanned(parts) == scan_plainly(parts)


@settings(max_examples=300)
@given(st.lists(frames, min_size=1, max_size=3), st.data())
def test_damaged_frames_are_errors_or_what_they_say(
    parts: list[bytes], data: st.DataObject
) -> None:
    """Bytes are changed or cut off: both scanners find the same, or both refuse."""
    text = bytearray(data.draw(st.sampled_from(parts)))
    for _ in range(data.draw(st.integers(1, 3))):
        if text:
            text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    del text[data.draw(st.integers(0, len(text))) :]
    damaged = [*parts[:1], bytes(text)]
    try:
        wanted = scan_plainly(damaged)
    except TwinError:
        with pytest.raises(FrameError, match="a frame is damaged at byte"):
            scanned(damaged)
    else:
        assert scanned(damaged) == wanted


@settings(max_examples=200)
@given(st.lists(read_frames, min_size=1, max_size=4), st.data())
def test_frames_of_remote_read(parts: list[bytes], data: st.DataObject) -> None:
    """As they are, and with a byte changed."""
    assert scanned(parts, of_read=True) == scan_plainly(parts, of_read=True)
    text = bytearray(parts[0])
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    damaged = [bytes(text), *parts[1:]]
    try:
        wanted = scan_plainly(damaged, of_read=True)
    except TwinError:
        with pytest.raises(FrameError):
            scanned(damaged, of_read=True)
    else:
        assert scanned(damaged, of_read=True) == wanted


def test_there_is_room_for_many() -> None:
    own = b"".join(
        message_field(1, message_field(1, b"n") + message_field(2, b"v")) for _ in range(10)
    )
    part = message_field(2, message_field(3, message_field(2, b"x")))
    parts = [message_field(1, own + part) for _ in range(500)] + [message_field(2, b"w")] * 100
    found, pieces, warnings = scanned(parts)
    assert [len(found), len(found[-1]), len(pieces), len(warnings)] == [500, 10, 500, 100]
