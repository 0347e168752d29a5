"""Results as tables for terminals, as plots, and in the forms of the API."""

import csv
import io
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO

from api.answers.accept import Form
from api.answers.chosen import encode_result
from api.answers.encoding import shown_notes
from api.promql.vectors.value import Matrix, Result
from receiver.querying.plot import SERIES_MAX, Frame, plot
from receiver.querying.remote import matrix_of
from receiver.sql.output import TABLE_ROWS_MAX, write_table
from receiver.sql.output import Result as Rows
from storage.labels.matchers import METRIC_NAME

PLOT_LINES = 16


@dataclass(frozen=True, slots=True)
class Terminal:
    """width: in characters; color: whether it shows colors."""

    width: int
    color: bool

    @classmethod
    def of(cls, out: IO[str], *, no_color: bool) -> "Terminal":
        width = shutil.get_terminal_size().columns
        return cls(width, out.isatty() and not no_color)


def write_result(result: Result, form: Form, out: IO[bytes], *, limit: int = 0) -> None:
    """In one of the forms of the API. JSON ends with a line feed."""
    for block in encode_result(form, result, limit=limit):
        out.write(block)
    if form is Form.JSON:
        out.write(b"\n")
    out.flush()


def write_rows(result: Result, out: IO[str], *, limit: int = 0) -> None:
    """The samples as a table of limited length."""
    write_csv_as_table(encode_result(Form.CSV, result, limit=limit), out)


def write_csv_as_table(blocks: Iterable[bytes | memoryview], out: IO[str]) -> None:
    """CSV with a head line as a table; not read further than the table is long."""
    lines = csv.reader(text_lines(blocks))
    names = next(lines)
    rows = islice(map(tuple, lines), TABLE_ROWS_MAX + 1)
    write_table(Rows(names, rows), out)


def text_lines(blocks: Iterable[bytes | memoryview]) -> Iterator[str]:
    """The lines of blocks, of which each ends with a line. A text of several lines is several."""
    for block in blocks:
        yield from io.StringIO(bytes(block).decode(), newline="\n")


def write_plot(result: Result, span: tuple[int, int], step_ms: int, terminal: Terminal) -> None:
    """The series over time."""
    matrix = matrix_of(result)
    if matrix is None or not matrix.labels.rows:
        sys.stdout.write("nothing to plot\n")
        return
    names = [series_name(matrix, row) for row in range(min(SERIES_MAX, matrix.labels.rows))]
    # Two steps: a sample that is missing is a gap.
    frame = Frame(terminal.width, PLOT_LINES, span, 2 * step_ms - 1, terminal.color)
    sys.stdout.write(plot(matrix, names, frame))


def series_name(matrix: Matrix, row: int) -> str:
    """A series as PromQL writes it."""
    labels = matrix.labels.labelset(row)
    name = labels.pop(METRIC_NAME, "")
    inner = ", ".join(f"{key}={quoted(value)}" for key, value in labels.items())
    return f"{name}{{{inner}}}" if inner or not name else name


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def write_notes(warnings: Sequence[str], infos: Sequence[str], out: IO[str]) -> None:
    for noun, texts in (("warning", warnings), ("info", infos)):
        for text in shown_notes(texts, noun):
            out.write(f"{noun}: {text}\n")
