"""Commands on directories whose samples are in a bucket only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from receiver.cli import main
from receiver.looking import read_directory
from receiver.settings.config import build
from storage.database import Database
from storage.errors import FormatError
from storage.read_only import ReadOnlyDatabase
from storage.tenants.tenant import DEFAULT_TENANT
from tests.makers.buckets.databases import evict
from tests.makers.databases import seal, series, write
from tests.makers.imports import stored

POINTS = [(1000 * k, float(k)) for k in range(1, 100)]
A = (("__name__", "a"),)


def fill(database: Database) -> None:
    write(database, [series("a", POINTS)], tenant=DEFAULT_TENANT)
    seal(database)


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """Flags that name the directory and its bucket."""
    (tmp_path / "bucket.yml").write_text(evict(tmp_path, fill))
    return [
        f"--storage.path={tmp_path / 'data'}", "--storage.retention=0",
        f"--objstore.config-file={tmp_path / 'bucket.yml'}",
    ]  # fmt: skip


def test_query(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    question = ["count_over_time(a[1h])", "--time=99", "--format=json"]
    assert main(["query", *question, *flags]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "99" in json.dumps(found)
    assert main(["query", *question, *flags[:2]]) == 1
    assert "(objstore.config-file)" in capsys.readouterr().err


def test_export_and_import(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out.jsonl")
    export = ["export", "--match={}", "--format=jsonl", "-o", out]
    assert main([*export, *flags[:2]]) == 1
    assert "(objstore.config-file)" in capsys.readouterr().err
    assert main([*export, *flags]) == 0
    assert main(["import", out, f"--storage.path={tmp_path / 'copy'}", flags[1]]) == 0
    assert stored(tmp_path / "copy") == {A: POINTS}
    # Into a directory whose samples are away, too.
    (tmp_path / "more.txt").write_text("b 1 1\n")
    assert main(["import", str(tmp_path / "more.txt"), *flags]) == 0


def test_sql(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    sql = ["sql", "-c", "SELECT count(*), max(ts) FROM samples", "--format=csv"]
    assert main([*sql, flags[0], flags[2]]) == 0
    assert "99,99000" in capsys.readouterr().out
    assert main([*sql, flags[0]]) == 1
    assert "(objstore.config-file)" in capsys.readouterr().err


def test_work_is_done_again_while_the_directory_changes(flags: list[str]) -> None:
    config = build(dict(flag.removeprefix("--").split("=", 1) for flag in flags))
    tried: list[ReadOnlyDatabase] = []

    def work(database: ReadOnlyDatabase) -> int:
        tried.append(database)
        database.is_current = lambda: len(tried) == 3  # type: ignore[method-assign]
        raise FormatError("gone")

    with pytest.raises(FormatError, match="gone"):
        read_directory(config, work)
    assert len(tried) == 3
