"""Series as messages: their bytes by hand, parts of long ones, and frames of many."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from api.answers.wire.fields import PADDING, LabelMessages
from api.thanos.chunks import ChunkColumns
from api.thanos.messages import Pieces, encode_label_pieces, encode_pieces, frames_of
from storage.chunks.encoder import encode_series
from storage.histograms.columns import Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples
from tests.makers.bodies.rich import integer
from tests.makers.thanos.client import Series, read_answer
from tests.twins.wire.v1 import label, message

LABELS = [{"__name__": "m", "a": "ü"}, {"b": "c"}, {}]
# 120 samples 15 s apart, the value always the same: a constant that takes two bits a sample.
CONSTANT = bytes.fromhex("0078003ff8000000000000987500") + bytes(29)


def pieces_of(samples: Samples, bytes_max: int = 1 << 20) -> Pieces:
    labels = LabelMessages.of(LabelFrame.from_dicts(Symbols(), LABELS))
    return encode_pieces(labels, ChunkColumns.raw(encode_series(samples)), bytes_max=bytes_max)


def samples_of(counts: list[int]) -> Samples:
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    times = np.concatenate([np.arange(count) * 15_000 for count in counts]).astype(np.int64)
    return Samples(offsets, times, np.full(len(times), 1.5))


def frames(pieces: Pieces, batch: int = 0, bytes_max: int = 1 << 20) -> list[bytes]:
    content = np.concatenate([pieces.content, np.zeros(PADDING, np.uint8)])
    bounds = pieces.bounds
    return list(frames_of(content, bounds[:-1], bounds[1:], batch=batch, bytes_max=bytes_max))


def test_bytes_of_a_series() -> None:
    (found,) = frames(pieces_of(samples_of([120, 0, 0])))
    data = CONSTANT
    part = message(2, data) + integer(3, xxhash.xxh64_intdigest(data))
    chunk = integer(1, 0) + b"\x08\x00" + integer(2, 119 * 15_000) + message(3, part)
    assert found == message(
        1, label(b"__name__", b"m") + label(b"a", "ü".encode()) + message(2, chunk)
    )


@pytest.mark.parametrize("count, encoding", [(4, 1), (4.5, 2)])
def test_histograms_state_their_encoding(count: float, encoding: int) -> None:
    natives = Natives(from_parts([Parts(count=count, sum=2.0)]), np.zeros(1, np.int32))
    samples = Samples(np.array([0, 1, 1, 1]), np.array([7]), np.array([2.0]), natives=natives)
    (series,) = read_answer(frames(pieces_of(samples))).series
    (chunk,) = series.chunks
    assert (chunk.kind, chunk.first_ms, chunk.last_ms) == (encoding, 7, 7)
    ((time, parts),) = chunk.points
    assert time == 7 and isinstance(parts, Parts) and parts.count == count


def test_times_may_be_before_1970() -> None:
    samples = Samples(np.array([0, 1, 1, 1]), np.array([-7]), np.array([2.0]))
    (series,) = read_answer(frames(pieces_of(samples))).series
    assert series.points() == [(-7, 2.0)]


def test_a_long_series_has_several_messages_with_all_labels() -> None:
    (whole,) = read_answer(frames(pieces_of(samples_of([1000, 0, 0])))).series
    parts = read_answer(frames(pieces_of(samples_of([1000, 0, 0]), 200))).series
    assert len(parts) == 5  # of two chunks each, but the last
    assert {part.labels for part in parts} == {whole.labels}
    assert [chunk for part in parts for chunk in part.chunks] == whole.chunks
    many = read_answer(frames(pieces_of(samples_of([1000, 0, 0]), 1))).series
    assert [len(part.chunks) for part in many] == [1] * 9


def test_series_without_chunks() -> None:
    labels = LabelMessages.of(LabelFrame.from_dicts(Symbols(), LABELS))
    answer = read_answer(frames(encode_label_pieces(labels), batch=2))
    assert answer.series == [
        Series((("__name__", "m"), ("a", "ü"))),
        Series((("b", "c"),)),
        Series(()),
    ]
    assert answer.frames == [2, 1]


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(0, 7), st.integers(1, 120))
def test_frames_have_all_pieces_in_order(sizes: list[int], batch: int, bytes_max: int) -> None:
    contents = [message(1, bytes([k]) * size) for k, size in enumerate(sizes)]
    bounds = np.concatenate([[0], np.cumsum([len(each) for each in contents])]).astype(np.int64)
    data = np.frombuffer(bytearray(b"".join(contents) + bytes(PADDING)), np.uint8)
    found = list(frames_of(data, bounds[:-1], bounds[1:], batch=batch, bytes_max=bytes_max))
    if batch <= 1:
        assert found == contents
        return
    place = 0
    for frame in found:
        taken: list[bytes] = []
        while not taken or frame != message(4, b"".join(taken)):
            taken.append(contents[place])
            place += 1
            assert len(taken) <= batch
        assert len(taken) == 1 or sum(map(len, taken)) <= bytes_max
    assert place == len(contents)
