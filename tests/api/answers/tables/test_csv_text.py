"""CSV, read back by the standard library and by polars."""

import csv
import io
from typing import Any

import polars
import pytest

from api.answers.tables import csv_text
from api.answers.tables.points import table_of
from tests.makers.promql import table_results
from tests.makers.promql.table_results import LABELSETS, PRESENT, frame, origins, rows_of
from tests.twins.answers import number_text

TIMES = ["1969-12-31T23:59:59.999Z", "1970-01-01T00:00:01.500Z", "2025-11-30T14:35:00.123Z"]


def text(result: Any, *, points_max: int = 100, **options: Any) -> str:
    blocks = csv_text.encode_table(table_of(result, **options), points_max=points_max)
    return b"".join(blocks).decode()


def lines(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("points_max", [100, 2])
@pytest.mark.parametrize("make", [table_results.vector_result, table_results.matrix_result])
def test_rows_are_the_samples(make: Any, points_max: int) -> None:
    head, *found = lines(text(make(), points_max=points_max))
    assert head == ["time", "__name__", "job", "pod", "zone", "value"]
    times = [TIMES[k] for i in range(3) for k in range(3) if PRESENT[i][k]]
    assert found == [
        [time, *(row[name] or "" for name in head[1:-1]), number_text(row["value"])]
        for time, row in zip(times, rows_of(LABELSETS), strict=True)
    ]


@pytest.mark.parametrize("most", [csv_text.BLOCK_BYTES_MAX, 1])
def test_histograms_and_replicas(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES_MAX", most)
    result = table_results.vector_result(histograms=True)
    head, *found = lines(text(result, origins=origins()))
    assert head[-3:] == ["value", "histogram", "provenance"]
    first = "{count:6, sum:1.5, [-4,-2):1, [-0.25,0.25]:2, (1,2]:3}"
    assert [row[-3:] for row in found] == [
        ["0.5", "", '{"replica":"a"}'],
        ["NaN", "", '{"replica":"b"}'],
        ["", first, '{"replica":"a"}'],
        ["", "{count:2, sum:4, [-Inf,1]:1, (2,+Inf]:1}", '{"replica":"b"}'],
        ["5", "", '{"replica":"a"}'],
        ["", "{count:0, sum:0}", '{"replica":"b"}'],
    ]


def test_polars_reads_numbers_and_times() -> None:
    found = polars.read_csv(text(table_results.wide_result(3, 2)).encode(), try_parse_dates=True)
    assert found["value"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert found["time"].dt.epoch("ms").to_list() == [0, 1_000] * 3


def test_results_that_are_no_series() -> None:
    assert text(table_results.scalar_result()) == "time,value\n1970-01-01T00:00:01.500Z,0.25\n"
    assert text(table_results.string_result()) == (
        'time,value\n1970-01-01T00:00:01.500Z,"a,""b"""\n'
    )
    assert text(table_results.wide_result(0, 1)) == "time,value\n"
    head, *found = lines(text(table_results.vector_result(), limit=1))
    assert {row[3] for row in found} == {"p1"}


def test_blocks_are_bounded() -> None:
    table = table_of(table_results.wide_result(300, 100))
    parts = list(csv_text.encode_table(table))
    assert len(parts) > 4
    assert max(map(len, parts)) < 1 << 20


@pytest.mark.parametrize("limit", [0, 2])
def test_label_sets(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "ROWS_AT_ONCE", 2)
    found = b"".join(csv_text.encode_labelsets(frame(LABELSETS), limit=limit)).decode()
    assert (
        lines(found)
        == [
            ["__name__", "job", "pod", "zone"],
            ["up", 'a,"b"', "p1", ""],
            ["up", "c", "", ""],
            ["up", "", "", "ü\n"],
        ][: limit + 1 if limit else None]
    )


def test_texts() -> None:
    blocks = csv_text.encode_texts("value", ["a", 'b"', "c\udcff"], limit=0)
    assert b"".join(blocks).decode() == 'value\na\n"b"""\nc\ufffd\n'
    assert b"".join(csv_text.encode_texts("value", ["a", "b"], limit=1)) == b"value\na\n"
