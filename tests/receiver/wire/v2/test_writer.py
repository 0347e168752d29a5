"""Remote write 2.0 requests that are made are those that are read."""

from __future__ import annotations

import snappy

from receiver.wire.decoder import WriteDecoder
from receiver.wire.v2.writer import IntegerHistogram, RequestWriter
from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY
from storage.catalog.metadata import Description
from tests.makers.bodies.v2_reader import STALE, read_body

UP, DOWN = (("__name__", "up"), ("job", "é")), (("__name__", "down"),)
GAUGE = Description(2, "Is it?", "")


def test_series_are_written_once() -> None:
    writer = RequestWriter()
    writer.sample(writer.series(UP, GAUGE), 1, 0.5)
    down = writer.series(DOWN, Description(0, "", "s"))
    writer.sample(down, 7, None, 5)
    writer.sample(writer.series(UP, GAUGE), 2, float("inf"))
    writer.exemplar(down, 9, 2.5, {"trace_id": "a", "up": "up"})
    writer.exemplar(down, 0, 0.0, {})
    found = read_body(writer.body())
    assert list(found) == [UP, DOWN]
    assert found[UP].samples == [(1, 0.5, 0), (2, float("inf"), 0)]
    assert found[UP].about == (2, "Is it?", "")
    assert found[DOWN].samples == [(7, STALE, 5)]
    assert found[DOWN].exemplars == [(9, 2.5, {"trace_id": "a", "up": "up"}), (0, 0.0, {})]
    assert found[DOWN].about == (0, "", "s")


def test_histograms_are_decoded_as_they_were_meant() -> None:
    writer = RequestWriter()
    histogram = IntegerHistogram(
        schema=3,
        count=18,
        sum=-2.5,
        zero_threshold=0.001,
        zero_count=2,
        positive=([(-5, 3)], [3, 0, 9]),
        negative=([(2, 1), (4, 1)], [1, 3]),
    )
    custom = IntegerHistogram(-53, 3, 1.0, 0.0, 0, ([(0, 2)], [1, 2]), ([], []), (0.5,))
    series = writer.series(UP, GAUGE)
    writer.histogram(series, 100, histogram, 50)
    writer.histogram(series, 200, custom, 0)
    payload = snappy.compress(writer.body())
    batch = WriteDecoder().decode(KIND_REMOTE_WRITE_2_SNAPPY, payload)
    assert batch.natives is not None and batch.natives.reasons is None
    found = batch.natives.histograms
    assert batch.timestamps.tolist() == [100, 200]
    assert batch.starts is not None
    assert batch.starts.tolist() == [50, 0]
    assert found.schemas.tolist() == [3, -53]
    assert (found.counts.tolist(), found.sums.tolist()) == ([18, 3], [-2.5, 1.0])
    assert found.zero_counts.tolist() == [2, 0]
    assert found.positive.indexes.tolist() == [-5, -3, 0, 1]
    assert found.positive.counts.tolist() == [3, 9, 1, 2]
    assert found.negative.indexes.tolist() == [2, 7]
    assert found.bounds.values.tolist() == [0.5]


def test_an_empty_request_has_no_series() -> None:
    assert read_body(RequestWriter().body()) == {}
