"""The formats of export, read by others."""

from __future__ import annotations

import io
import math
from pathlib import Path

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from receiver.exporting import writers
from receiver.exporting.reading import Block
from receiver.exporting.writers import make_writer, number, seconds, series_text
from receiver.importing.parts import Report
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.kernels.stale import STALE_NAN, STALE_NAN_BITS
from storage.samples.samples import Samples
from tests.makers.histograms import EXAMPLES, columns

LABELS = [{"__name__": "m", "a": 'é"\\\n'}, {"__name__": "n"}]
TIMES = np.array([1000, 1500, 2000, -5])
VALUES = np.array([1.5, math.inf, STALE_NAN, -3.0])
STARTS = np.array([0, 900, 0, 0])


def block(natives: Natives | None = None) -> Block:
    return Block(LABELS, Samples(np.array([0, 3, 4]), TIMES, VALUES, STARTS, natives))


def written(form: str, *blocks: Block) -> tuple[bytes, Report]:
    out, report = io.BytesIO(), Report()
    writer = make_writer(form, out, report)
    for each in blocks:
        writer.write(each)
    writer.close()
    return out.getvalue(), report


def test_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "LINE_SAMPLES_MAX", 2)
    text, report = written("jsonl", block())
    assert [orjson.loads(line) for line in text.splitlines()] == [
        {"metric": LABELS[0], "values": [1.5, "Infinity"], "timestamps": [1000, 1500]},
        {"metric": LABELS[0], "values": [None], "timestamps": [2000]},
        {"metric": LABELS[1], "values": [-3.0], "timestamps": [-5]},
    ]
    assert "stale markers are null" in report.notes[0]


def test_openmetrics() -> None:
    text, report = written("openmetrics", block())
    lines = text.decode()
    assert lines.splitlines() == [
        'm{a="é\\"\\\\\\n"} 1.5 1.000', 'm{a="é\\"\\\\\\n"} +Inf 1.500', "n -3.0 -0.005", "# EOF",
    ]  # fmt: skip
    assert len(list(text_string_to_metric_families(lines.replace("-0.005", "0.005")))) == 2
    assert "stale markers are left out" in report.notes[0]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_tables(form: str, tmp_path: Path) -> None:
    data, report = written(form, block(), block())
    table = (
        pq.read_table(io.BytesIO(data)) if form == "parquet" else pa.ipc.open_file(data).read_all()
    )
    assert table.num_rows == 8
    assert table["ts"].cast(pa.int64()).to_pylist() == TIMES.tolist() * 2
    bits = table["value"].to_numpy().view(np.uint64)
    assert bits[2] == STALE_NAN_BITS
    starts = table["start_ts"].cast(pa.int64()).to_pylist()
    assert starts == [None, 900, None, None] * 2
    assert [dict(own) for own in table["labels"].to_pylist()][2:4] == LABELS
    assert report.lines() == []
    if form == "parquet":
        (tmp_path / "a.parquet").write_bytes(data)
        query = f"SELECT labels['a'], value FROM '{tmp_path}/a.parquet' LIMIT 1"
        assert duckdb.sql(query).fetchall() == [(LABELS[0]["a"], 1.5)]


@pytest.mark.parametrize("form", ["jsonl", "openmetrics"])
def test_histograms_are_left_out_and_counted(form: str) -> None:
    natives = Natives(columns(EXAMPLES), np.array([NO_HISTOGRAM, 0, 1, NO_HISTOGRAM], np.int32))
    _, report = written(form, block(natives))
    assert report.lines("exported")[-1] == (
        "not exported: 2 native histograms, which the format has no form for"
    )


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_tables_hold_histograms(form: str, tmp_path: Path) -> None:
    natives = Natives(columns(EXAMPLES), np.array([NO_HISTOGRAM, 2, 7, NO_HISTOGRAM], np.int32))
    data, report = written(form, block(natives), block())
    assert report.lines() == []
    table = (
        pq.read_table(io.BytesIO(data)) if form == "parquet" else pa.ipc.open_file(data).read_all()
    )
    found = table["histogram"].to_pylist()
    assert [h is None for h in found] == [True, False, False, True] + [True] * 4
    assert [v is None for v in table["value"].to_pylist()] == [False, True, True] + [False] * 5
    for h, plain in ((found[1], EXAMPLES[2]), (found[2], EXAMPLES[7])):
        assert (h["schema"], h["count"], h["zero_count"]) == (
            plain.schema, plain.count, plain.zero_count,
        )  # fmt: skip
        assert list(zip(h["positive_indexes"], h["positive_counts"], strict=True)) == list(
            plain.positive
        )
        assert h["negative_indexes"] == [i for i, _ in plain.negative]
        assert h["custom_bounds"] == list(plain.bounds)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({"__name__": "a:b"}, "a:b"),
        ({"__name__": "a.b", "c": "d"}, '{"a.b",c="d"}'),
        ({"__name__": "a", "c d": "e"}, 'a{"c d"="e"}'),
        ({"c": "d"}, '{"",c="d"}'),
    ],
)
def test_series(labels: dict[str, str], text: str) -> None:
    assert series_text(labels) == text


def test_numbers() -> None:
    assert [number(v) for v in (0.1, math.nan, math.inf, -math.inf)] == [
        "0.1",
        "NaN",
        "+Inf",
        "-Inf",
    ]
    assert [seconds(t) for t in (0, 1, 1_700_000_000_123, -1500)] == [
        "0.000", "0.001", "1700000000.123", "-1.500",
    ]  # fmt: skip
