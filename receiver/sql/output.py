"""Results of statements as a table, as CSV or as JSON, written as they come."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import duckdb

TABLE, CSV, JSON = FORMATS = ("table", "csv", "json")
ROWS_AT_ONCE = 10_000
TABLE_ROWS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """The names of columns, and rows as they come."""

    names: list[str]
    rows: Iterator[tuple[Any, ...]]


def result_of(connection: duckdb.DuckDBPyConnection) -> Result:
    """What the statement that was executed gives."""

    def rows() -> Iterator[tuple[Any, ...]]:
        while some := connection.fetchmany(ROWS_AT_ONCE):
            yield from some

    return Result([column[0] for column in connection.description or ()], rows())


def write_table(result: Result, out: IO[str]) -> None:
    """Columns of one width each, and a line with the number of rows."""
    rows = list(islice(result.rows, TABLE_ROWS_MAX + 1))
    texts = [[cell(value) for value in row] for row in rows[:TABLE_ROWS_MAX]]
    names = result.names
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    lines = [line(names, widths), line(["-" * width for width in widths], widths)]
    lines += [line(row, widths) for row in texts]
    more = ", more are left out: --format=csv has all" if len(rows) > TABLE_ROWS_MAX else ""
    lines.append(f"({len(texts)} rows{more})")
    out.write("\n".join(lines) + "\n")


def line(cells: list[str], widths: list[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)).rstrip()


def cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={text}" for name, text in value.items()) + "}"
    return str(value)


def write_csv(result: Result, out: IO[str]) -> None:
    """With a head line; what has parts is written as JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.names)
    for row in result.rows:
        writer.writerow(
            json.dumps(plain(value), default=str, ensure_ascii=False)
            if isinstance(value, dict | list)
            else value
            for value in row
        )


def write_json(result: Result, out: IO[str]) -> None:
    """A list of objects, one a line. NaN and infinities are texts: JSON has no numbers for them."""
    separator = "[\n"
    for row in result.rows:
        values = {name: plain(value) for name, value in zip(result.names, row, strict=True)}
        out.write(separator + json.dumps(values, default=str, ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    out.write("[]\n" if separator == "[\n" else "\n]\n")


def plain(value: Any) -> Any:
    """A value that JSON knows."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return value


WRITERS: dict[str, Callable[[Result, IO[str]], None]] = {
    TABLE: write_table,
    CSV: write_csv,
    JSON: write_json,
}
