"""Views of a directory that changes, or that is damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from storage.bucket.attached import WithoutBucket
from storage.files import SAMPLES_FILE, SERIES_FILE
from storage.sql.session import Session
from storage.sql.views import open_duckdb
from tests.makers.compaction import compact
from tests.makers.databases import opened, seal, series, write

COUNT = "SELECT labels['__name__'], count(value) FROM samples GROUP BY ALL ORDER BY ALL"


@contextmanager
def session_on(path: Path) -> Iterator[tuple[Session, list[str]]]:
    warnings: list[str] = []
    with open_duckdb(memory_bytes=1 << 28, threads=1) as connection:
        yield Session(connection, path, WithoutBucket(path), warnings.append), warnings


def asked(session: Session, text: str) -> list[tuple[Any, ...]]:
    for statement in session.connection.extract_statements(text):
        session.execute(statement)
    return session.connection.fetchall()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four segments, of which one has the series b."""
    with opened(tmp_path / "data") as database:
        for k, name in enumerate("aaab"):
            write(database, [series(name, [(k, 1.0)])])
            seal(database)
    return tmp_path / "data"


def of_series_b(data: Path) -> Path:
    return max(data.glob("shards/*/segments/*"))


@pytest.mark.parametrize("file", [SAMPLES_FILE, SERIES_FILE])
@pytest.mark.parametrize("early", [True, False])
def test_a_file_without_its_footer_costs_its_segment(file: str, early: bool, data: Path) -> None:
    def damage() -> None:
        path = of_series_b(data) / file
        path.write_bytes(path.read_bytes()[:-3])

    if early:
        damage()
    with session_on(data) as (session, warnings):
        asked(session, "CREATE TABLE kept AS SELECT 1 AS x")
        if not early:
            damage()
        found = asked(session, COUNT)
        assert found == [("a", 3)] or (file == SERIES_FILE and not early)
        assert asked(session, "SELECT x FROM kept") == [(1,)]
        if file == SAMPLES_FILE or early:
            (warning,) = warnings
            assert f"segment {of_series_b(data).name} is left out: {file} cannot be read" in warning


def test_segments_that_were_replaced_meanwhile(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for k in range(3):
            write(database, [series("a", [(k, 1.0)])])
            seal(database)
        with session_on(tmp_path) as (session, warnings):
            before = [segment.directory for segment in session.listing.segments]
            compact(database)
            for directory in before:
                shutil.rmtree(directory, ignore_errors=True)
            assert asked(session, COUNT) == [("a", 3)]
            assert asked(session, "SELECT count(*) FROM segments") == [(1,)]
            assert warnings == []


def test_errors_of_statements_are_theirs(data: Path) -> None:
    with session_on(data) as (session, warnings):
        with pytest.raises(duckdb.BinderException):
            asked(session, "SELECT nothing FROM samples")
        assert asked(session, COUNT) == [("a", 3), ("b", 1)]
        assert warnings == []
