"""Arrow streams, read by pyarrow, by polars and, where it is installed, by pandas."""

import io
import json
from typing import Any

import numpy as np
import polars
import pyarrow as pa
import pytest

from api.answers.tables import arrow
from api.answers.tables.points import table_of
from tests.makers.promql import table_results
from tests.makers.promql.table_results import LABELSETS, frame, histogram_of, origins, rows_of

MS = pa.timestamp("ms", "UTC")


def stream(result: Any, *, batch_bytes: int = arrow.BATCH_BYTES_MAX, **options: Any) -> bytes:
    return b"".join(arrow.encode_table(table_of(result, **options), batch_bytes=batch_bytes))


def read(data: bytes) -> Any:
    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    return table


def rows(table: Any) -> list[dict[str, Any]]:
    """Rows with times in ms, and NaN as text, so that it equals itself."""
    times = table.column("time").cast(pa.int64())
    found = table.set_column(0, "time", times).to_pylist()
    return [named_nan(row) for row in found]


def named_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {name: "NaN" if value != value else value for name, value in row.items()}


@pytest.mark.parametrize("batch_bytes", [arrow.BATCH_BYTES_MAX, 200, 1])
@pytest.mark.parametrize("make", [table_results.vector_result, table_results.matrix_result])
@pytest.mark.parametrize("histograms", [False, True])
def test_rows_are_the_samples(make: Any, histograms: bool, batch_bytes: int) -> None:
    table = read(stream(make(histograms=histograms), batch_bytes=batch_bytes))
    want = rows_of(LABELSETS, histograms=histograms)
    assert rows(table) == [named_nan(row) for row in want]


def test_the_schema() -> None:
    result = table_results.vector_result(histograms=True)
    table = read(stream(result, stats={"samples": 3}, origins=origins()))
    text = pa.dictionary(pa.int8(), pa.string())
    assert [(field.name, field.type, field.nullable) for field in table.schema] == [
        ("time", MS, False),
        ("__name__", text, False),
        ("job", text, True),
        ("pod", text, True),
        ("zone", text, True),
        ("value", pa.float64(), True),
        ("histogram", arrow.HISTOGRAM_TYPE, True),
        ("provenance", text, False),
    ]
    assert table.schema.field("zone").metadata == {b"label": b"zone"}
    notes = {name.decode(): text.decode() for name, text in table.schema.metadata.items()}
    assert notes.pop("resultType") == "matrix"
    assert {name: json.loads(text) for name, text in notes.items()} == {
        "warnings": ["careful"],
        "infos": ["by the way"],
        "stats": {"samples": 3},
    }
    texts = ['{"replica":"a"}', '{"replica":"b"}']
    numbers = [0, 1, 0, 1, 0, 1]
    assert table.column("provenance").to_pylist() == [texts[number] for number in numbers]


def test_polars_reads_the_same() -> None:
    data = stream(table_results.vector_result(histograms=True), batch_bytes=200)
    found = polars.read_ipc_stream(io.BytesIO(data))
    assert found.schema["time"] == polars.Datetime("ms", "UTC")
    times = found.with_columns(found["time"].dt.epoch("ms"))
    want = rows_of(LABELSETS, histograms=True)
    assert [named_nan(row) for row in times.to_dicts()] == [named_nan(row) for row in want]


def test_pandas_reads_the_same() -> None:
    pytest.importorskip("pandas")
    data = stream(table_results.vector_result(), batch_bytes=200)
    found = pa.ipc.open_stream(data).read_pandas()
    assert found["job"].tolist()[:1] == ['a,"b"']
    assert len(found) == len(rows_of(LABELSETS))
    assert str(found["time"].dtype) == "datetime64[ms, UTC]"


def test_batches_are_bounded() -> None:
    """By bytes, whatever the number of rows, and buckets count, too."""
    parts = list(arrow.encode_table(table_of(table_results.wide_result(400, 300))))
    assert len(parts) == 4  # the end is one
    # Beside its buffers a message has a head, and the first one the schema and dictionaries.
    assert max(map(len, parts[1:])) <= arrow.BATCH_BYTES_MAX + 4_096
    assert len(parts[0]) <= arrow.BATCH_BYTES_MAX + 20_000
    parts = list(
        arrow.encode_table(table_of(table_results.vector_result(histograms=True)), batch_bytes=100)
    )
    assert len(parts) > 3


def test_wide_tables_cost_less_than_their_json() -> None:
    """A row has its time, its value, and a few bytes for its labels."""
    count = 300 * 100
    size = len(stream(table_results.wide_result(300, 100)))
    assert 16 * count < size < 21 * count


@pytest.mark.parametrize(("distinct", "kind"), [(127, pa.int8()), (129, pa.int16())])
def test_indexes_are_as_wide_as_they_need_to_be(distinct: int, kind: Any) -> None:
    table = read(stream(table_results.wide_result(distinct, 2)))
    assert table.schema.field("pod").type.index_type == kind
    assert table.schema.field("job").type.index_type == pa.int8()
    assert table.column("pod").to_pylist() == [f"pod-{i // 2}" for i in range(2 * distinct)]


def test_results_that_are_no_series() -> None:
    assert rows(read(stream(table_results.scalar_result()))) == [{"time": 1_500, "value": 0.25}]
    assert rows(read(stream(table_results.string_result()))) == [{"time": 1_500, "value": 'a,"b"'}]
    empty = read(stream(table_results.wide_result(0, 1)))
    assert (empty.num_rows, empty.column_names) == (0, ["time", "value"])


def test_a_label_with_the_name_of_a_column() -> None:
    result = table_results.wide_result(1, 1)
    labels = frame([{"time": "x", "value": "y"}])
    object.__setattr__(result.value, "labels", labels)
    table = read(stream(result))
    assert table.column_names == ["time", "label.time", "label.value", "value"]
    assert table.schema.field("label.time").metadata == {b"label": b"time"}
    assert table.column("label.value").to_pylist() == ["y"]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    labels = frame([{"a": "x\udcff"}, {"a": "y"}])
    table = read(b"".join(arrow.encode_labelsets(labels, limit=0)))
    assert table.to_pylist() == [{"a": "x\ufffd"}, {"a": "y"}]


@pytest.mark.parametrize("batch_bytes", [arrow.BATCH_BYTES_MAX, 1])
@pytest.mark.parametrize("limit", [0, 2, 3])
def test_label_sets(limit: int, batch_bytes: int) -> None:
    data = arrow.encode_labelsets(frame(LABELSETS), limit=limit, batch_bytes=batch_bytes)
    table = read(b"".join(data))
    names = ["__name__", "job", "pod", "zone"]
    want = [{name: labels.get(name) or None for name in names} for labels in LABELSETS]
    assert table.to_pylist() == want[: limit or None]
    assert bool(table.schema.metadata) == (limit == 2)


def test_no_label_sets() -> None:
    assert read(b"".join(arrow.encode_labelsets(frame([]), limit=0))).num_rows == 0


def test_texts() -> None:
    table = read(b"".join(arrow.encode_texts("value", ["a", "b", "c"], limit=2)))
    assert table.to_pylist() == [{"value": "a"}, {"value": "b"}]
    assert json.loads(table.schema.metadata[b"warnings"]) == ["results truncated due to limit"]
    many = [str(i) for i in range(20_000)]
    table = read(b"".join(arrow.encode_texts("name", many, limit=0)))
    assert table.column("name").to_pylist() == many


def test_a_histogram_without_buckets() -> None:
    table = read(stream(table_results.vector_result(histograms=True)))
    assert table.column("histogram").to_pylist()[-1] == histogram_of(2)
    assert np.isnan(table.column("value").to_pylist()[1])
