"""Answers in each form say the same."""

import csv
import io
import json

import pyarrow as pa

from api.answers.accept import Form
from api.answers.chosen import encode_labelsets, encode_result, encode_texts, warm_tables
from tests.makers.promql import table_results
from tests.makers.promql.table_results import LABELSETS, frame


def test_results() -> None:
    result = table_results.vector_result()
    made = {form: b"".join(encode_result(form, result, limit=2)) for form in Form}
    series = json.loads(made[Form.JSON])["data"]["result"]
    table = pa.ipc.open_stream(made[Form.ARROW]).read_all()
    lines = list(csv.DictReader(io.StringIO(made[Form.CSV].decode(), newline="")))
    assert len(series) == 2
    assert sum(len(one["values"]) for one in series) == table.num_rows == len(lines)
    values = [value for one in series for _, value in one["values"]]
    assert [line["value"] for line in lines] == values
    assert list(map(str, table.column("value").to_pylist())) == [str(float(v)) for v in values]


def test_label_sets_and_texts() -> None:
    made = {f: b"".join(encode_labelsets(f, frame(LABELSETS), limit=1)) for f in Form}
    assert len(json.loads(made[Form.JSON])["data"]) == 1
    assert pa.ipc.open_stream(made[Form.ARROW]).read_all().num_rows == 1
    assert made[Form.CSV].count(b"\n") == 2
    made = {form: b"".join(encode_texts(form, "name", ["a", "b"], limit=0)) for form in Form}
    assert json.loads(made[Form.JSON])["data"] == ["a", "b"]
    table = pa.ipc.open_stream(made[Form.ARROW]).read_all()
    assert table.to_pydict() == {"name": ["a", "b"]}
    assert made[Form.CSV] == b"name\na\nb\n"


def test_the_kernels_can_be_warmed() -> None:
    warm_tables()
