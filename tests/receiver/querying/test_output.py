"""Results as tables, as plots and in the forms of the API."""

import io
import json
from typing import Any

import pyarrow as pa
import pytest

from api.answers.accept import Form
from receiver.querying.output import (
    Terminal,
    series_name,
    write_csv_as_table,
    write_notes,
    write_plot,
    write_result,
    write_rows,
)
from receiver.querying.remote import matrix_of
from receiver.sql.output import TABLE_ROWS_MAX
from tests.makers.promql import table_results


def test_a_table() -> None:
    out = io.StringIO()
    write_rows(table_results.scalar_result(), out)
    assert out.getvalue().splitlines() == [
        "time                      value",
        "------------------------  -----",
        "1970-01-01T00:00:01.500Z  0.25",
        "(1 rows)",
    ]
    out = io.StringIO()
    write_rows(table_results.vector_result(histograms=True), out)
    assert "{count:2, sum:4, [-Inf,1]:1, (2,+Inf]:1}" in out.getvalue()
    assert "(6 rows)" in out.getvalue()


def test_a_table_has_an_end() -> None:
    out = io.StringIO()
    blocks = iter([b"a,b\n", b"1,2\n" * 400, b"3,4\n" * 400, b"5,6\n" * 400, b"7,8\n"])
    write_csv_as_table(blocks, out)
    assert f"({TABLE_ROWS_MAX} rows, more are left out" in out.getvalue()
    assert next(blocks) == b"7,8\n"  # nothing more was read


@pytest.mark.parametrize("limit", [0, 1])
def test_forms_of_the_api(limit: int) -> None:
    result, made = table_results.vector_result(), {}
    for form in Form:
        out = io.BytesIO()
        write_result(result, form, out, limit=limit)
        made[form] = out.getvalue()
    assert made[Form.JSON].endswith(b"}\n")
    series = json.loads(made[Form.JSON])["data"]["result"]
    assert len(series) == (limit or 3)
    count = sum(len(one["values"]) for one in series)
    assert pa.ipc.open_stream(made[Form.ARROW]).read_all().num_rows == count
    assert made[Form.CSV].startswith(b"time,")


def test_a_plot(capsys: Any) -> None:
    terminal = Terminal(60, color=False)
    write_plot(table_results.wide_result(2, 5), (0, 4_000), 1_000, terminal)
    out = capsys.readouterr().out
    assert '━ m{job="job-0", pod="pod-0"}' in out
    assert '━ m{job="job-1", pod="pod-1"}' in out
    write_plot(table_results.string_result(), (0, 4_000), 1_000, terminal)
    assert capsys.readouterr().out == "nothing to plot\n"


def test_the_terminal() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert Terminal.of(Screen(), no_color=False).color
    assert not Terminal.of(Screen(), no_color=True).color
    assert not Terminal.of(io.StringIO(), no_color=False).color


def test_names_are_written_as_in_promql() -> None:
    matrix = matrix_of(table_results.vector_result())
    assert matrix is not None
    names = [series_name(matrix, row) for row in range(3)]
    assert names == [
        'up{job="a,\\"b\\"", pod="p1"}', 'up{job="c"}', 'up{zone="ü\\n"}',
    ]  # fmt: skip


def test_notes() -> None:
    out = io.StringIO()
    write_notes(("a", "b"), ("c",), out)
    assert out.getvalue() == "warning: a\nwarning: b\ninfo: c\n"
