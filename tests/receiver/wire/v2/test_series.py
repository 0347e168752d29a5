"""The scanner of remote write 2.0 bodies against its plain-Python twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.errors import CorruptBody
from receiver.wire.buffers import DecodeBuffers
from receiver.wire.columns import DecodeLimits, Secrets
from receiver.wire.histogram_columns import HistogramLimits
from receiver.wire.label_hash import BLOCK_BYTES
from receiver.wire.v2 import columns as columns_2
from receiver.wire.v2.references import NO_HASH
from receiver.wire.v2.series import NAME_HASH
from storage.batch import Batch
from storage.labels.wire import first_labels
from storage.samples.exemplars import RawExemplars
from tests.makers.bodies.rich import (
    WireHistogram,
    WireSeries,
    body_v2,
    double,
    encode_histogram,
    integer,
    packed,
)
from tests.twins.wire import v2 as naive_symbols
from tests.twins.wire.v1 import WireError, encode_varint, hash128, message, tag
from tests.twins.wire.v2 import NaiveExemplar, NaiveSeries

BUCKETS_MAX = 40
LIMITS = DecodeLimits(1 << 20, 10_000, 10_000, HistogramLimits(BUCKETS_MAX, 1_000))
SECRETS = Secrets()
GUARD = 64

compiled = settings(deadline=None)


def decode_columns(data: bytes) -> Batch:
    """The columns of a body that lies before bytes which would be seen if they were read."""
    buffers = DecodeBuffers()
    buffers.body = np.full(len(data) + GUARD, 0xFF, np.uint8)
    buffers.body[: len(data)] = np.frombuffer(data, np.uint8)
    return columns_2.decode_columns(buffers, len(data), LIMITS, SECRETS)


def decode(data: bytes) -> tuple[list[NaiveSeries], list[tuple[int, ...]]]:
    """The series in the twin's form, without their labels, and the metadata."""
    c = decode_columns(data)
    rows = None if c.natives is None else c.natives.rows
    reasons = None if c.natives is None else c.natives.reasons
    found = []
    for i in range(len(c.label_start)):
        series = NaiveSeries(0 if c.series_reasons is None else int(c.series_reasons[i]))
        for k in range(int(c.sample_offsets[i]), int(c.sample_offsets[i + 1])):
            row = -1 if rows is None else int(rows[k])
            reason = 0 if reasons is None or row < 0 else int(reasons[row])
            bits = int(c.values.view(np.uint64)[k])
            start = 0 if c.starts is None else int(c.starts[k])
            sample = (int(c.timestamps[k]), bits, start, None if row < 0 else reason)
            series.samples.append(sample)
        found.append(series)
    for e in range(0 if c.exemplars is None else len(c.exemplars)):
        raw = c.exemplars
        reason = 0 if raw.reasons is None else int(raw.reasons[e])
        exemplar = NaiveExemplar(
            reason, labels_of(raw, e), int(raw.timestamps[e]), int(raw.values.view(np.uint64)[e])
        )
        found[int(raw.series[e])].exemplars.append(exemplar)
    told = []
    if c.metadata is not None:
        texts = c.metadata.buffer.tobytes()
        for kind, row in zip(c.metadata.kinds.tolist(), c.metadata.spans.tolist(), strict=True):
            told.append((kind, *(texts[a:b] for a, b in zip(row[::2], row[1::2], strict=True))))
    return found, told


def labels_of(raw: RawExemplars, e: int) -> list[tuple[bytes, bytes]]:
    spans = np.zeros((300, 4), np.int64)
    count = first_labels(raw.buffer, int(raw.label_start[e]), int(raw.label_end[e]), spans)
    data = raw.buffer.tobytes()
    return [(data[a : a + n], data[b : b + m]) for a, n, b, m in spans[:count].tolist()]


def twin(data: bytes) -> tuple[list[NaiveSeries], list[tuple[int, ...]]]:
    found = naive_symbols.decode(data, BUCKETS_MAX)
    texts = symbols_of(data)
    told, before = [], None
    for series in found:
        series.labels = []
        entry, series.metadata = series.metadata, None
        if entry is not None and entry != before:
            told.append((entry[0], *(texts[number] for number in entry[1:])))
        before = entry or before
    return found, told


def symbols_of(data: bytes) -> list[bytes]:
    spans = [content for number, _, content in naive_symbols.fields(data, 0, len(data), {})
             if number == 4]  # fmt: skip
    return [data[span.start : span.stop] for span in spans if isinstance(span, range)]


def outcome(function, data: bytes):
    try:
        return repr(function(data))
    except (CorruptBody, WireError):
        return None


TEXTS = st.sampled_from(["", "__name__", "up", "job", "a", "b" * 9, "x" * 200, "\u03c0"])
LABELS = st.lists(st.tuples(TEXTS, TEXTS), max_size=4)
WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
SAMPLES = st.lists(st.tuples(WHOLE, st.floats(), st.integers(0, 3)), max_size=3)
EXEMPLARS = st.lists(st.tuples(LABELS, st.floats(), WHOLE), max_size=2)
SERIES = st.builds(
    WireSeries,
    labels=LABELS,
    samples=SAMPLES,
    histograms=st.lists(
        st.builds(WireHistogram, timestamp=WHOLE, count=st.integers(0, 1), start=st.integers(0, 2)),
        max_size=2,
    ),
    exemplars=EXEMPLARS,
    metadata=st.none() | st.tuples(st.integers(0, 9), TEXTS, TEXTS),
    created=st.sampled_from([0, 0, 5, 1 << 63]),
    extra=st.sampled_from(
        [b"", message(1, b"\x00"), tag(1, 0) + b"\x01", message(1, b"\x63\x01"), message(9, b"x")]
    ),
)
BODIES = st.lists(SERIES, max_size=5)


@compiled
@given(BODIES, st.booleans())
def test_valid_bodies_are_scanned_as_by_the_twin(series: list[WireSeries], unpacked: bool) -> None:
    data = body_v2(series, unpacked=unpacked)
    assert outcome(decode, data) == outcome(twin, data)


@compiled
@given(BODIES, st.data())
def test_damaged_bodies_are_scanned_as_by_the_twin(
    series: list[WireSeries], draw: st.DataObject
) -> None:
    damaged = bytearray(body_v2(series))
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = draw.draw(st.sampled_from([0, 1, 2, 0x0A, 0x12, 0x2A, 0x7F, 0x80, 0xFF]))
    assert outcome(decode, bytes(damaged)) == outcome(twin, bytes(damaged))


@compiled
@given(st.binary(max_size=60))
def test_any_bytes_are_scanned_as_by_the_twin(data: bytes) -> None:
    assert outcome(decode, data) == outcome(twin, data)


FULL = WireSeries(
    [("job", "x"), ("__name__", "up")],
    [(1, 2.0, 3), (4, 5.0)],
    [WireHistogram(timestamp=6, count=1, zero_count=1)],
    [({"trace_id": "abc"}, 1.0, 7)],
    (1, "help", "unit"),
    created=9,
)


def test_a_body_cut_at_every_byte_is_scanned_as_by_the_twin() -> None:
    data = body_v2([FULL, FULL])
    for size in range(len(data) + 1):
        assert outcome(decode, data[:size]) == outcome(twin, data[:size]), size


def test_symbols_may_follow_the_series_that_name_them() -> None:
    symbols = b"".join(message(4, text) for text in (b"", b"__name__", b"up"))
    series = message(5, message(1, b"\x01\x02") + message(2, double(1, 3.0) + integer(2, 4)))
    assert decode(series + symbols) == decode(symbols + series)


def test_starts_of_samples_go_before_those_of_their_series() -> None:
    columns = decode_columns(body_v2([FULL, WireSeries({"a": "b"}, [(1, 2.0)])]))
    assert columns.starts is not None
    assert columns.starts.tolist() == [3, 9, 9, 0]


@compiled
@given(st.lists(LABELS, min_size=2, max_size=6), st.integers(0, 3))
def test_series_have_equal_hashes_only_if_their_texts_are_equal(
    labelsets: list[list[tuple[str, str]]], repeats: int
) -> None:
    long = [("n" * 7, str(i)) for i in range(40 * repeats)]
    series = [WireSeries([*long, *labels]) for labels in labelsets]
    c = decode_columns(body_v2(series))
    keys = list(zip(c.hash_low.tolist(), c.hash_high.tolist(), strict=True))
    for i, one in enumerate(labelsets):
        for k, other in enumerate(labelsets):
            assert (keys[i] == keys[k]) == (one == other)


def test_hashes_do_not_depend_on_the_order_of_symbols() -> None:
    one = WireSeries([("__name__", "up"), ("job", "x")], metadata=(1, "h", ""))
    other = WireSeries([("b", "x"), ("__name__", "h")])
    first, second = decode_columns(body_v2([one, other])), decode_columns(body_v2([other, one]))
    assert first.hash_low.tolist() == second.hash_low.tolist()[::-1]
    assert first.metadata is not None and second.metadata is not None
    assert first.metadata.hash_low.tolist() == second.metadata.hash_low.tolist()


def test_references_in_pieces_hash_as_in_one() -> None:
    symbols = b"".join(message(4, text) for text in (b"", b"__name__", b"up", b"job"))
    whole = message(5, packed(1, [b"\x01", b"\x02", b"\x03", b"\x02"]))
    pieces = message(5, message(1, b"\x01") + tag(1, 0) + b"\x02" + message(1, b"\x03\x02"))
    padded = message(5, message(1, b"\x81\x80\x00\x82\x00\x03\x02"))
    c = decode_columns(symbols + whole + pieces + padded)
    assert len({*c.hash_low.tolist()}) == 1
    assert c.series_reasons is None


def test_columns_grow_to_the_request() -> None:
    series = [
        WireSeries(
            {"__name__": f"n{i}"},
            [(i, 1.0), (i + 1, 2.0)],
            [WireHistogram(timestamp=i + 2)],
            [({}, 1.0, i)],
            (1, f"help {i}", ""),
        )
        for i in range(1_500)
    ]
    data = body_v2(series)
    assert repr(decode(data)) == repr(twin(data))


def test_a_number_of_a_symbol_is_never_used_unchecked() -> None:
    for number in (1, 127, 128, (1 << 32) - 1, (1 << 64) - 1):
        reference = encode_varint(number)
        data = message(4, b"") + message(5, message(1, b"\x00" + reference))
        data += message(5, message(4, message(1, b"\x00" + reference)))
        data += message(5, message(5, tag(3, 0) + reference))
        data += message(5, message(3, encode_histogram(WireHistogram())))
        found, told = decode(data)
        assert [series.reason > 0 for series in found] == [True, False, True, False]
        assert found[1].exemplars[0].reason > 0
        assert told == []


def test_symbols_and_the_metric_name_are_hashed() -> None:
    texts = [b"", b"up", b"__name__", b"x" * 600, b"__name_x"]
    for told in (texts, texts[:2]):
        data = b"".join(message(4, text) for text in told)
        buffers = DecodeBuffers()
        buffers.body = np.frombuffer(data + bytes(GUARD), np.uint8)
        columns_2.find_symbols(buffers, len(data), LIMITS, SECRETS.texts)
        hashes = [hash128(text, SECRETS.texts.tolist(), BLOCK_BYTES) for text in told]
        assert [tuple(row) for row in buffers.symbol_hashes[: len(told)].tolist()] == hashes
        name = hashes[2][0] if len(told) > 2 else NO_HASH
        assert buffers.tally[NAME_HASH].astype(np.uint64) == name
