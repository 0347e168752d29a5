"""Chunks of floats, against a plain twin and against what Prometheus writes."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import OK, SPARE, TIME_ORDER, TRUNCATED, XOR, Chunks, chunks_of
from storage.chunks.floats import decode_floats, encode_floats
from storage.histograms.histograms import offsets_of
from storage.kernels.stale import STALE_NAN
from tests.twins.storage.chunks import bits_of, float_chunk, packed, varint, zigzag_varint

START = 1_600_000_000_000
# Made by Prometheus 3.14.
PROMETHEUS = bytes.fromhex(
    "00068080f4f6905d3ff000000000000098754000e137ffb7ffebfffc5effe80000000000078668a6fea400"
    "0000000008"
)
TIMES = [START + t for t in (0, 15_000, 30_001, 45_001, 60_000, 180_000)]
VALUES = np.array([1, 1, 2.5, 2.5, STALE_NAN, 100])

compiled = settings(deadline=None)
GAPS = st.one_of(st.just(15_000), st.integers(14_990, 15_010), st.integers(1, 1 << 40))
BITS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.floats(allow_nan=False).map(lambda v: struct.unpack("<Q", struct.pack("<d", v))[0]),
    st.integers(0, 1000).map(lambda v: struct.unpack("<Q", struct.pack("<d", float(v)))[0]),
)
FIRSTS = st.integers(-(1 << 45), 1 << 45)


@st.composite
def series(draw: st.DrawFn) -> list[tuple[int, int]]:
    gaps = draw(st.lists(GAPS, max_size=12))
    times = np.cumsum([draw(FIRSTS), *gaps])[: draw(st.integers(0, 13))].tolist()
    return [(time, draw(BITS)) for time in times]


def test_a_chunk_of_prometheus() -> None:
    found = decode_floats(chunks_of([PROMETHEUS], [XOR]))
    assert found.timestamps.tolist() == TIMES
    assert found.values.view(np.uint64).tolist() == VALUES.view(np.uint64).tolist()
    data, bounds = encode_floats(np.array([0, 6]), np.array(TIMES), VALUES)
    assert (data.tobytes(), bounds.tolist()) == (PROMETHEUS, [0, len(PROMETHEUS)])


@compiled
@given(st.lists(series(), max_size=4))
def test_both_ways_are_those_of_the_twin(several: list[list[tuple[int, int]]]) -> None:
    data = [float_chunk(samples) for samples in several]
    found = decode_floats(chunks_of(data, [XOR] * len(data)))
    flat = [sample for samples in several for sample in samples]
    assert found.offsets.tolist() == offsets_of([len(samples) for samples in several]).tolist()
    assert found.timestamps.tolist() == [time for time, _ in flat]
    assert found.values.view(np.uint64).tolist() == [bits for _, bits in flat]
    assert not found.reasons.any()
    written, bounds = encode_floats(found.offsets, found.timestamps, found.values)
    assert written.tobytes() == b"".join(data)
    assert bounds.tolist() == offsets_of([len(each) for each in data]).tolist()


def test_a_long_chunk_and_all_sizes_of_steps() -> None:
    gaps = [1 << k for k in range(44)] + [3, 1 << 20, 1, 8193, 8192, 1, 65_536, 1, 65_537, 524_289]
    times = np.cumsum([-5, *gaps, *([15_000] * 70_000)])[:65_535]
    values = np.sin(np.arange(65_535))
    data, bounds = encode_floats(np.array([0, 65_535]), times, values)
    found = decode_floats(chunks_of([data.tobytes()], [XOR]))
    assert (found.timestamps == times).all()
    assert (found.values == values).all()
    first = list(zip(times[:200].tolist(), values[:200].view(np.uint64).tolist(), strict=True))
    assert encode_floats(np.array([0, 200]), times[:200], values[:200])[0].tobytes() == float_chunk(
        first
    )
    assert len(bounds) == 2


FIRST = bits_of(3, 16) + zigzag_varint(START) + bits_of(0, 64)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", TRUNCATED),
        (b"\0", TRUNCATED),
        (b"\0\0", OK),
        (b"\xff\xff" + PROMETHEUS[2:], TRUNCATED),
        (b"\x00\x40" + PROMETHEUS[2:], TRUNCATED),
        (b"\x00\x02" + b"\xff" * 40, TRUNCATED),  # a varint without an end
        (packed(FIRST + varint(0) + "0" + "00"), TIME_ORDER),
        (packed(FIRST + varint(5) + "0" + "10" + bits_of(-5, 14) + "0"), TIME_ORDER),
        (packed(FIRST + varint((1 << 64) - 1) + "0" + "00"), TIME_ORDER),
    ],
)
def test_a_damaged_chunk_costs_no_other(data: bytes, reason: int) -> None:
    found = decode_floats(chunks_of([PROMETHEUS, data, PROMETHEUS], [XOR] * 3))
    assert found.reasons.tolist() == [OK, reason, OK]
    assert found.offsets.tolist() == [0, 6, 6, 12]
    assert found.timestamps.tolist() == TIMES * 2


@pytest.mark.parametrize("cut", range(2, len(PROMETHEUS)))
def test_a_chunk_cut_anywhere_is_truncated(cut: int) -> None:
    found = decode_floats(chunks_of([PROMETHEUS[:cut]], [XOR]))
    assert (found.reasons.tolist(), len(found.timestamps)) == ([TRUNCATED], 0)


def test_a_chunk_without_room_behind_it_is_not_read() -> None:
    buffer = np.frombuffer(PROMETHEUS + bytes(SPARE_BYTES - 1), np.uint8)
    size = len(PROMETHEUS)
    for start, end in ((0, size), (-1, 4), (0, 1 << 40)):
        places = np.array([start]), np.array([end])
        found = decode_floats(Chunks(buffer, *places, np.array([XOR])))
        assert found.reasons.tolist() == [SPARE]


@compiled
@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 255))
def test_any_bytes_end_in_samples_or_a_reason(noise: bytes, place: int, byte: int) -> None:
    mangled = bytearray(PROMETHEUS)
    mangled[place % len(mangled)] = byte
    found = decode_floats(chunks_of([noise, bytes(mangled)], [XOR] * 2))
    for k in range(2):
        times = found.timestamps[found.offsets[k] : found.offsets[k + 1]]
        assert (np.diff(times) > 0).all()
        assert found.reasons[k] == OK or not len(times)


@pytest.mark.parametrize("ends_twice", [True, False])
@pytest.mark.parametrize(
    "times", [[1_000, 2_000, 2_000], [1_000, 1_000, 1_000], [1_000, 1_000, 2_000, 2_000]]
)
def test_a_time_that_comes_twice_is_damage_unless_it_is_expected(
    times: list[int], ends_twice: bool
) -> None:
    data = float_chunk([(time, 7 + k) for k, time in enumerate(times)])
    found = decode_floats(chunks_of([data], [XOR]), ends_twice=ends_twice)
    assert found.reasons.tolist() == [OK if ends_twice else TIME_ORDER]
    assert found.timestamps.tolist() == (times if ends_twice else [])


def test_a_time_that_comes_twice_in_the_middle_is_damage() -> None:
    data = float_chunk([(1_000, 7), (2_000, 8), (2_000, 9), (3_000, 9)])
    found = decode_floats(chunks_of([data], [XOR]), ends_twice=True)
    assert found.reasons.tolist() == [TIME_ORDER]
