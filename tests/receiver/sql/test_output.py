"""Results as a table, as CSV and as JSON."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import pytest

from receiver.sql import output
from receiver.sql.output import WRITERS, Result

NAMES = ["name", "n"]
ROWS: list[tuple[Any, ...]] = [
    ("é,\"x\"", 1.5), (None, float("nan")), ("t", {"a": 1, "b": "c"}), ("u", [1, float("inf")]),
    ("v", datetime(2026, 1, 2)),
]  # fmt: skip


def written(form: str, rows: list[tuple[Any, ...]] = ROWS) -> str:
    out = io.StringIO()
    WRITERS[form](Result(NAMES, iter(rows)), out)
    return out.getvalue()


def test_table() -> None:
    assert written("table").splitlines() == [
        "name   n",
        "-----  -------------------",
        'é,"x"  1.5',
        "NULL   nan",
        "t      {a=1, b=c}",
        "u      [1, inf]",
        "v      2026-01-02 00:00:00",
        "(5 rows)",
    ]
    assert written("table", []).splitlines() == ["name  n", "----  -", "(0 rows)"]


def test_a_long_table_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "TABLE_ROWS_MAX", 2)
    assert written("table").splitlines()[-1] == "(2 rows, more are left out: --format=csv has all)"


def test_csv() -> None:
    assert written("csv").splitlines() == [
        "name,n",
        '"é,""x""",1.5',
        ",nan",
        't,"{""a"": 1, ""b"": ""c""}"',
        'u,"[1, ""inf""]"',
        "v,2026-01-02 00:00:00",
    ]


def test_json() -> None:
    assert json.loads(written("json")) == [
        {"name": 'é,"x"', "n": 1.5},
        {"name": None, "n": "nan"},
        {"name": "t", "n": {"a": 1, "b": "c"}},
        {"name": "u", "n": [1, "inf"]},
        {"name": "v", "n": "2026-01-02 00:00:00"},
    ]
    assert json.loads(written("json", [])) == []
