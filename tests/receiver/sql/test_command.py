"""`cupola sql`, and the examples of its page."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.cli import main
from tests.makers.databases import opened, seal, series, write

PAGE = (Path(__file__).parents[3] / "docs" / "sql.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory, beside its open database."""
    path = tmp_path_factory.mktemp("data")
    with opened(path) as database:
        start = 1_793_527_200_000  # 2026-11-01 10:00
        points = [(start + 30_000 * k, float(k)) for k in range(10)]
        write(
            database,
            [
                series("node_load1", points, job="node", instance="i1"),
                series("node_load1", points, job="node", instance="i2"),
                series("up", points[:1], job="other"),
            ],
        )
        write(database, [series("up", points[:1], job="node")], tenant="u")
        seal(database)
        yield path


def asked(data: Path, sql: str, capsys: pytest.CaptureFixture[str], form: str = "json") -> object:
    assert main(["sql", "--storage.path", str(data), "--format", form, "-c", sql]) == 0
    out = capsys.readouterr().out
    return json.loads(out) if form == "json" else out


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("sql", EXAMPLES, ids=lambda sql: sql.split("\n")[0][:40])
def test_examples_run(
    sql: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owners.csv").write_text("job,team\nnode,a\nother,b\n")
    asked(data, sql, capsys, "csv")
    assert (tmp_path / "node.parquet").exists() == ("COPY" in sql)


def example(text: str) -> str:
    (found,) = [sql for sql in EXAMPLES if text in sql]
    return found


def test_what_examples_answer(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owners.csv").write_text("job,team\nnode,a\nother,b\n")
    assert asked(data, example("owners.csv"), capsys) == [
        {"team": "a", "series": 3}, {"team": "b", "series": 1},
    ]  # fmt: skip
    assert asked(data, example("map_entries"), capsys) == [
        {"label": "__name__", "values": 2, "series": 4},
        {"label": "instance", "values": 2, "series": 2},
        {"label": "job", "values": 2, "series": 4},
    ]
    cost = asked(data, example("WITH total"), capsys)
    assert [row["tenant"] for row in cost] == ["t", "u"]  # type: ignore[attr-defined]
    minutes = asked(data, example("time_bucket"), capsys)
    assert len(minutes) == 10  # type: ignore[arg-type]
    assert minutes[0] == {  # type: ignore[index]
        "instance": "i1", "minute": "2026-11-01 10:00:00", "mean": 0.5,
    }  # fmt: skip


def test_statements_of_the_standard_input(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT count(*) AS n FROM samples;\n"))
    assert main(["sql", "--storage.path", str(data), "--format", "csv"]) == 0
    found = capsys.readouterr()
    assert found.out == "n\n22\n"
    assert "only sealed samples are seen" in found.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--storage.path", "nowhere"], 1, "is no data directory"),
        (["--storage.duckdb.threads", "0"], 2, "storage.duckdb.threads: got '0'"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", *arguments, "-c", "SELECT 1"]) == code
    assert message in capsys.readouterr().err


def test_a_wrong_statement(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "--storage.path", str(data), "-c", "SELECT"]) == 1
    assert "Parser Error" in capsys.readouterr().err
