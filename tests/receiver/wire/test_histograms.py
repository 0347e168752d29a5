"""The histogram kernels against their plain-Python twin, and the rules one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.errors import CorruptBody, TooLarge
from receiver.wire.histogram_columns import HistogramLimits, decode_histograms
from storage import reasons
from storage.kernels.stale import STALE_NAN, STALE_NAN_BITS
from storage.refusals.histograms import HISTOGRAM_RULES
from tests.makers.bodies.rich import WireHistogram, encode_histogram
from tests.twins.wire import histograms as naive_histograms
from tests.twins.wire.histograms import Decoded
from tests.twins.wire.v1 import WireError, message, tag

LIMITS = HistogramLimits(buckets_max=40, request_buckets_max=1_000)
GUARD = b"\xff" * 16

compiled = settings(deadline=None)


def decode(*contents: bytes, limits: HistogramLimits = LIMITS) -> list[Decoded]:
    """The kernels' result for these messages, which lie between guards, in the twin's form."""
    data = GUARD
    places = []
    for k, content in enumerate(contents):
        places.append((k, len(data), len(data) + len(content)))
        data += content + GUARD
    buffer = np.frombuffer(data, np.uint8)
    found = decode_histograms(buffer, np.array(places, np.int64).reshape(-1, 3), limits)
    h = found.histograms
    assert len(h) == len(contents)

    def buckets(side, k: int) -> list[tuple[int, float]]:
        span = slice(side.offsets[k], side.offsets[k + 1])
        return list(zip(side.indexes[span].tolist(), side.counts[span].tolist(), strict=True))

    return [
        Decoded(
            int(found.reasons[k]), int(h.schemas[k]), int(h.hints[k]), float(h.counts[k]),
            int(h.sums.view(np.uint64)[k]), int(h.zero_thresholds.view(np.uint64)[k]),
            float(h.zero_counts[k]), buckets(h.negative, k), buckets(h.positive, k),
            h.bounds.values[h.bounds.offsets[k] : h.bounds.offsets[k + 1]].tolist(),
            int(found.timestamps[k]), int(found.starts[k]),
        )
        for k in range(len(contents))
    ]  # fmt: skip


def outcome(function, *arguments):
    """repr, so that NaN equals NaN; None of a damaged message."""
    try:
        return repr(function(*arguments))
    except (CorruptBody, WireError):
        return None


def twin(*contents: bytes) -> list[Decoded]:
    return [naive_histograms.decode(content, 0, len(content), 40) for content in contents]


COUNTS = st.one_of(st.integers(0, 9), st.integers(0, (1 << 64) - 1))
FLOATS = st.one_of(st.sampled_from([0.0, 1.0, 2.5, -1.0, math.nan, math.inf]), st.floats())
SPANS = st.lists(
    st.tuples(st.one_of(st.integers(-3, 5), st.integers(-(1 << 31), (1 << 31) - 1)),
              st.one_of(st.integers(0, 4), st.integers(0, (1 << 32) - 1))),
    max_size=4,
)  # fmt: skip


@st.composite
def sides(draw: st.DrawFn, is_float: bool) -> tuple[list[tuple[int, int]], list[float], int]:
    """Mostly sound: spans, wire numbers, and the observations of all buckets."""
    spans = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=4))
    size = sum(length for _, length in spans)
    if is_float:
        return spans, draw(st.lists(FLOATS, min_size=size, max_size=size)), 0
    counts = draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))
    deltas = [b - a for a, b in zip([0, *counts], counts, strict=False)]
    return spans, deltas, sum(counts)


@st.composite
def histograms(draw: st.DrawFn) -> WireHistogram:
    is_float = draw(st.booleans())
    schema = draw(st.sampled_from([-53, -4, 0, 8, 9, 11, 52, 3, -5, 53]))
    negative, positive = draw(sides(is_float)), draw(sides(is_float))
    if schema == -53:
        negative = ([], [], 0)
    zero = 0 if schema == -53 else draw(st.integers(0, 3))
    bounds = draw(st.lists(FLOATS, max_size=9)) if schema == -53 else []
    sound = WireHistogram(
        timestamp=draw(st.integers(-(1 << 63), (1 << 63) - 1)),
        count=negative[2] + positive[2] + zero,
        sum=draw(FLOATS),
        schema=schema,
        zero_count=zero,
        negative_spans=negative[0],
        negative=negative[1],
        positive_spans=positive[0],
        positive=positive[1],
        hint=draw(st.integers(0, 4)),
        custom_values=sorted(set(bounds), key=repr) if draw(st.booleans()) else sorted(bounds),
        start=draw(st.integers(0, 9)),
        is_float=is_float,
    )
    changes = {
        "count": FLOATS if is_float else COUNTS,
        "positive_spans": SPANS,
        "negative_spans": SPANS,
        "custom_values": st.lists(FLOATS, max_size=4),
        "zero_threshold": FLOATS,
        "zero_count": FLOATS if is_float else COUNTS,
        "positive": st.lists(FLOATS if is_float else st.integers(-5, 5), max_size=50),
    }
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(changes)))
        sound = replace(sound, **{name: draw(changes[name])})
    return sound


@compiled
@given(st.lists(histograms(), max_size=4), st.booleans())
def test_histograms_are_decoded_as_by_the_twin(
    described: list[WireHistogram], unpacked: bool
) -> None:
    contents = [encode_histogram(one, unpacked=unpacked) for one in described]
    assert outcome(decode, *contents) == outcome(twin, *contents)


@compiled
@given(histograms(), st.data())
def test_damaged_histograms_are_decoded_as_by_the_twin(
    described: WireHistogram, draw: st.DataObject
) -> None:
    damaged = bytearray(encode_histogram(described))
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = draw.draw(st.sampled_from([0, 1, 2, 0x0A, 0x42, 0x4A, 0x62, 0x80, 0xFF]))
    assert outcome(decode, bytes(damaged)) == outcome(twin, bytes(damaged))


@compiled
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_as_by_the_twin(data: bytes) -> None:
    assert outcome(decode, data) == outcome(twin, data)


def test_a_message_cut_at_every_byte() -> None:
    data = encode_histogram(SOUND)
    for size in range(len(data)):
        assert outcome(decode, data[:size]) == outcome(twin, data[:size]), size


SOUND = WireHistogram(
    timestamp=5,
    count=20,
    sum=3.5,
    schema=1,
    zero_threshold=0.5,
    zero_count=4,
    negative_spans=[(2, 1)],
    negative=[3],
    positive_spans=[(-2, 2), (3, 0), (1, 2)],
    positive=[1, 3, -4, 8],
    hint=3,
)
FLOATS_ONLY = replace(SOUND, is_float=True, positive=[1.0, 3.0, 0.0, 8.0])
CUSTOM = WireHistogram(
    count=3,
    schema=-53,
    positive_spans=[(1, 2)],
    positive=[1, 1],
    custom_values=[-1.0, 2.0],
)


def test_a_histogram_is_kept_by_the_indexes_of_its_buckets() -> None:
    (one,) = decode(encode_histogram(SOUND))
    assert (one.reason, one.schema, one.hint, one.timestamp) == (0, 1, 3, 5)
    assert (one.count, one.zero_count, one.negative) == (20.0, 4.0, [(2, 3.0)])
    assert one.positive == [(-2, 1.0), (-1, 4.0), (5, 8.0)]  # the empty bucket 4 is left out


def test_schemas_above_8_are_reduced_to_8() -> None:
    spans, deltas = [(-4, 10)], [1] + [0] * 9
    wide = WireHistogram(count=10, schema=10, positive_spans=spans, positive=deltas)
    (one,) = decode(encode_histogram(wide))
    assert (one.reason, one.schema) == (0, 8)
    # Four buckets of schema 10 are one of schema 8: -7..-4, -3..0, 1..4, 5..8.
    assert one.positive == [(-1, 1.0), (0, 4.0), (1, 4.0), (2, 1.0)]


@pytest.mark.parametrize(
    ("base", "changes", "reason"),
    [
        (SOUND, {}, reasons.OK),
        (SOUND, {"schema": -5}, reasons.SCHEMA_UNKNOWN),
        (SOUND, {"schema": 53}, reasons.SCHEMA_UNKNOWN),
        (SOUND, {"schema": -54}, reasons.SCHEMA_UNKNOWN),
        (SOUND, {"schema": 52}, reasons.OK),
        (SOUND, {"schema": -4}, reasons.OK),
        (SOUND, {"count": 21}, reasons.COUNT_MISMATCH),
        (SOUND, {"count": 21, "sum": math.nan}, reasons.OK),
        (SOUND, {"count": 21, "sum": float(STALE_NAN)}, reasons.OK),
        (SOUND, {"count": 19, "sum": math.nan}, reasons.COUNT_TOO_SMALL),
        (SOUND, {"count": 21, "sum": math.inf}, reasons.COUNT_MISMATCH),
        (SOUND, {"count": 77.5, "is_float": True, "positive": [1.0, 3, 0, 8]}, reasons.OK),
        (SOUND, {"is_float": True}, reasons.BUCKET_NEGATIVE),
        (FLOATS_ONLY, {}, reasons.OK),
        (FLOATS_ONLY, {"count": -6.0}, reasons.COUNT_NEGATIVE),
        (FLOATS_ONLY, {"count": -math.inf}, reasons.COUNT_NEGATIVE),
        (FLOATS_ONLY, {"count": -5e-324}, reasons.COUNT_NEGATIVE),
        (FLOATS_ONLY, {"count": -0.0}, reasons.OK),
        (FLOATS_ONLY, {"count": math.nan}, reasons.OK),
        (FLOATS_ONLY, {"count": -math.nan}, reasons.OK),
        (FLOATS_ONLY, {"count": math.inf}, reasons.OK),
        (FLOATS_ONLY, {"zero_count": -1.0}, reasons.ZERO_COUNT_NEGATIVE),
        (FLOATS_ONLY, {"zero_count": -0.0}, reasons.OK),
        (FLOATS_ONLY, {"count": -1.0, "zero_count": -1.0}, reasons.COUNT_NEGATIVE),
        (FLOATS_ONLY, {"count": -1.0, "sum": float(STALE_NAN)}, reasons.COUNT_NEGATIVE),
        (
            CUSTOM,
            {"is_float": True, "positive": [1.0, 1.0], "count": -3.0},
            reasons.COUNT_NEGATIVE,
        ),
        (
            CUSTOM,
            {"is_float": True, "positive": [1.0, 1.0], "zero_count": -1.0},
            reasons.CUSTOM_ZERO_COUNT,
        ),
        (SOUND, {"positive": [1, -2, 0, 0]}, reasons.BUCKET_NEGATIVE),
        (SOUND, {"positive": [1, 3, -4]}, reasons.SPAN_MISMATCH),
        (SOUND, {"positive_spans": [(0, 4), (-1, 0)]}, reasons.SPAN_OFFSET),
        (SOUND, {"negative_spans": [(2, (1 << 32) - 1)]}, reasons.INDEX_RANGE),
        (SOUND, {"negative_spans": [(2, 1 << 30)]}, reasons.SPAN_MISMATCH),
        (SOUND, {"custom_values": [1.0]}, reasons.BOUNDS_NOT_CUSTOM),
        (CUSTOM, {}, reasons.OK),
        (CUSTOM, {"positive_spans": [(2, 1)], "positive": [3]}, reasons.OK),
        (CUSTOM, {"positive_spans": [(3, 1)], "positive": [3]}, reasons.BOUNDS_TOO_FEW),
        (CUSTOM, {"positive_spans": [(-1, 2)]}, reasons.SPAN_OFFSET),
        (CUSTOM, {"custom_values": [2.0, 2.0]}, reasons.BOUNDS_ORDER),
        (CUSTOM, {"custom_values": [-math.inf, 2.0]}, reasons.BOUNDS_ORDER),
        (CUSTOM, {"custom_values": [0.0, math.inf]}, reasons.BOUNDS_INFINITE),
        (CUSTOM, {"custom_values": [math.nan, 2.0]}, reasons.BOUNDS_NAN),
        (CUSTOM, {"custom_values": []}, reasons.BOUNDS_TOO_FEW),
        (CUSTOM, {"zero_count": 1, "count": 4}, reasons.CUSTOM_ZERO_COUNT),
        (CUSTOM, {"zero_threshold": 0.1}, reasons.CUSTOM_ZERO_THRESHOLD),
        (CUSTOM, {"negative_spans": [(0, 0)]}, reasons.CUSTOM_NEGATIVE),
        (CUSTOM, {"count": 2}, reasons.COUNT_MISMATCH),
    ],
)
def test_the_rules(base: WireHistogram, changes: dict[str, object], reason: int) -> None:
    (one,) = decode(encode_histogram(replace(base, **changes)))  # type: ignore[arg-type]
    assert one.reason == reason
    assert one.reason == 0 or (one.positive, one.negative, one.bounds) == ([], [], [])
    assert reason == 0 or reason in HISTOGRAM_RULES


def test_a_stale_marker_keeps_its_bits() -> None:
    (one,) = decode(encode_histogram(WireHistogram(sum=float(STALE_NAN))))
    assert (one.reason, one.sum_bits) == (0, STALE_NAN_BITS)


def test_the_last_count_decides_between_integers_and_floats() -> None:
    floats = tag(2, 1) + np.float64(7.5).tobytes()
    integers = tag(1, 0) + b"\x00"
    assert [one.count for one in decode(integers + floats, floats + integers)] == [7.5, 0.0]


def test_limits() -> None:
    buckets = [1] + [0] * 40
    large = WireHistogram(count=41, positive_spans=[(0, 41)], positive=buckets)
    assert decode(encode_histogram(large))[0].reason == reasons.TOO_MANY_BUCKETS
    fits = replace(large, count=40, positive_spans=[(0, 40)], positive=buckets[:40])
    assert decode(encode_histogram(fits))[0].reason == reasons.OK
    empty_spans = WireHistogram(positive_spans=[(0, 0)] * 81)
    assert decode(encode_histogram(empty_spans))[0].reason == reasons.TOO_MANY_BUCKETS
    with pytest.raises(TooLarge, match=r"1040 .* 1000 \(write.max-buckets-per-request\)"):
        decode(*[encode_histogram(fits)] * 26)


def test_a_damaged_message_is_named_by_its_byte() -> None:
    with pytest.raises(CorruptBody, match="at byte 16 of 35: a length goes beyond"):
        decode(message(11, b"")[:1] + b"\x7f\x00")
