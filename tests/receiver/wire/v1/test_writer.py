"""Requests made of columns say what the columns say, read back by the decoder."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
import snappy
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.wire.v1.writer import RequestColumns, requests_of
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import offsets_of, parts_of
from storage.samples.exemplars import RawExemplars
from storage.samples.samples import Samples
from tests.makers.batches import DECODER, label
from tests.makers.histograms import EXAMPLES, columns

compiled = settings(deadline=None)
TIMES = st.one_of(st.integers(0, 1 << 42), st.integers(-(1 << 63), (1 << 63) - 1))
VALUES = st.floats().map(lambda v: struct.unpack("<Q", struct.pack("<d", v))[0])
HISTOGRAMS = st.sampled_from(range(len(EXAMPLES)))
# (time, bits of a float or the number of an example)
SAMPLES = st.lists(st.tuples(TIMES, VALUES, st.one_of(st.none(), HISTOGRAMS)), max_size=4)
SERIES = st.lists(SAMPLES, max_size=4)
Written = list[list[tuple[int, int, int | None]]]


def labels(number: int) -> bytes:
    return label(b"__name__", b"m") + label(b"n", b"%d" % number) * (number % 3)


def exemplar_labels(number: int) -> bytes:
    return label(b"trace_id", b"t%d" % number) * (number % 2)


def columns_of(series: Written) -> RequestColumns:
    flat = [sample for samples in series for sample in samples]
    texts = [labels(k) for k in range(len(series))]
    rows = np.array([NO_HISTOGRAM if e is None else e for _, _, e in flat], np.int32)
    values = np.array([bits for _, bits, _ in flat], np.uint64).view(np.float64)
    natives = Natives(columns(EXAMPLES), rows) if (rows != NO_HISTOGRAM).any() else None
    offsets = offsets_of([len(samples) for samples in series])
    times = np.array([time for time, _, _ in flat], np.int64)
    # One of every series, and one more of every second.
    owners = np.sort([*range(len(series)), *range(0, len(series), 2)]).astype(np.int64)
    own = [exemplar_labels(k) for k in range(len(owners))]
    places = offsets_of([len(text) for text in own])
    exemplars = RawExemplars(
        owners, np.arange(len(owners)) - 1, np.arange(len(owners)) * 0.5,
        np.frombuffer(b"".join(own) + b"\0", np.uint8), places[:-1], places[1:],
    )  # fmt: skip
    return RequestColumns(
        np.frombuffer(b"".join(texts) + b"\0", np.uint8),
        offsets_of([len(text) for text in texts]),
        Samples(offsets, times, values, natives=natives),
        exemplars,
    )


def read(batch: Batch) -> list[tuple[bytes, object]]:
    """(labels, sample or exemplar) of everything in a batch."""
    found: list[tuple[bytes, object]] = []
    data = batch.buffer.tobytes()
    names = [data[a:b] for a, b in zip(batch.label_start, batch.label_end, strict=True)]
    bits = batch.values.view(np.uint64).tolist()
    for k, name in enumerate(names):
        for at in range(batch.sample_offsets[k], batch.sample_offsets[k + 1]):
            row = NO_HISTOGRAM if batch.natives is None else batch.natives.rows[at]
            time = int(batch.timestamps[at])
            if row == NO_HISTOGRAM:
                found.append((name, (time, bits[at])))
            else:
                assert batch.natives is not None
                found.append((name, (time, repr(parts_of(batch.natives.histograms, row)))))
    e = batch.exemplars
    for k in range(0 if e is None else len(e)):
        assert e is not None
        own = e.buffer[e.label_start[k] : e.label_end[k]].tobytes()
        found.append((names[e.series[k]], (own, int(e.timestamps[k]), float(e.values[k]))))
    return found


def expected(series: Written) -> list[tuple[bytes, object]]:
    examples = columns(EXAMPLES)
    found: list[tuple[bytes, object]] = [
        (labels(k), (time, bits if e is None else repr(parts_of(examples, e))))
        for k, samples in enumerate(series)
        for time, bits, e in samples
    ]
    owners = sorted([*range(len(series)), *range(0, len(series), 2)])
    for k, owner in enumerate(owners):
        if series[owner]:
            found.append((labels(owner), (exemplar_labels(k), k - 1, k * 0.5)))
    return found


@compiled
@given(SERIES, st.sampled_from([1, 100, 1 << 20]), st.sampled_from([1, 2, 1000]))
def test_what_is_written_is_read(series: Written, bytes_max: int, samples_max: int) -> None:
    found: list[tuple[bytes, object]] = []
    written = columns_of(series)
    for body, count in requests_of(written, bytes_max=bytes_max, samples_max=samples_max):
        batch = DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, snappy.compress(body))
        assert batch.natives is None or batch.natives.reasons is None
        assert batch.sample_count == count <= samples_max
        found += read(batch)
        batch.release()
    assert sorted(found, key=repr) == sorted(expected(series), key=repr)


def test_requests_are_of_the_wanted_size() -> None:
    written = columns_of([[(k, 0, None) for k in range(1000)]] * 5)
    written = replace(written, exemplars=columns_of([]).exemplars)
    bodies = list(requests_of(written, bytes_max=10_000, samples_max=1 << 20))
    assert sum(count for _, count in bodies) == 5_000
    assert len(bodies) < 20
    assert max(len(body) for body, _ in bodies) <= 10_000


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_histogram(number: int) -> None:
    series: Written = [[(5, 0, number)]]
    (body, _), *rest = requests_of(columns_of(series), bytes_max=1, samples_max=1)
    assert not rest
    batch = DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, snappy.compress(body))
    assert batch.natives is not None
    assert read(batch)[0] == expected(series)[0]
