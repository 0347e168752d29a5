"""Both versions of remote write in both encodings, from the wire through the log to a query."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_1_ZSTD,
    KIND_REMOTE_WRITE_2_SNAPPY,
    KIND_REMOTE_WRITE_2_ZSTD,
)
from tests.makers.batches import DECODER
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1, body_v2, compress
from tests.makers.databases import append, key, opened, read_mixed

KINDS = {
    KIND_REMOTE_WRITE_1_SNAPPY: (body_v1, "snappy"),
    KIND_REMOTE_WRITE_1_ZSTD: (body_v1, "zstd"),
    KIND_REMOTE_WRITE_2_SNAPPY: (body_v2, "snappy"),
    KIND_REMOTE_WRITE_2_ZSTD: (body_v2, "zstd"),
}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
GOOD = WireHistogram(timestamp=30, count=3, positive_spans=[(2, 2)], positive=[1, 1], start=9)
CUSTOM = WireHistogram(
    timestamp=40, count=2.5, schema=-53, positive_spans=[(1, 1)], positive=[2.5],
    custom_values=[0.5], is_float=True,
)  # fmt: skip
BAD = WireHistogram(timestamp=50, count=9)
SERIES = [
    WireSeries({"job": "x", "__name__": "a"}, [(10, 1.0), (20, 2.0, 5)], [GOOD, BAD, CUSTOM]),
    WireSeries({"job": "nameless"}, [(10, 1.0)], [GOOD]),
    WireSeries({"__name__": "b"}, [(-7, 3.0)], created=3),
    WireSeries({"__name__": "c"}, exemplars=[({"trace_id": "t"}, 1.0, 10)]),
]


def payload(kind: int) -> bytes:
    encode, encoding = KINDS[kind]
    return compress(encode(SERIES), encoding)


@EACH_KIND
def test_what_is_written_is_read_and_outlives_a_restart(tmp_path: Path, kind: int) -> None:
    with opened(tmp_path) as database:
        outcome = append(database, DECODER.decode(kind, payload(kind)))
        assert (outcome.accepted, outcome.histograms, outcome.exemplars) == (5, 2, 1)
        refused = {(reject.reason, reject.count) for reject in outcome.rejects}
        assert refused == {("label_invalid", 2), ("histogram_invalid", 1)}
        before = read_mixed(database)
    starts = {labels: [point[2] for point in points] for labels, points in before.items()}
    second = kind in (KIND_REMOTE_WRITE_2_SNAPPY, KIND_REMOTE_WRITE_2_ZSTD)
    known = {key("a", job="x"): [0, 5, 9, 0], key("b"): [3]}
    unknown = {key("a", job="x"): [0] * 4, key("b"): [0]}
    assert {labels: found for labels, found in starts.items() if found} == (
        known if second else unknown
    )
    with opened(tmp_path) as database:
        assert read_mixed(database) == before


def test_all_kinds_bring_the_same_series_and_samples(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        found = []
        for kind in KINDS:
            outcome = append(database, DECODER.decode(kind, payload(kind)))
            assert (outcome.accepted, outcome.histograms) == (5, 2)
            found.append(read_mixed(database))
    assert found[0] == found[1] == found[2] == found[3]
