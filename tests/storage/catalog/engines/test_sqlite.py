"""Transactions in a file: whole or not at all, and errors that say what may be tried again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.catalog.engines.sqlite import SqliteTransactions, reading_engine
from storage.errors import FormatError, Overloaded, StorageError


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    transactions = SqliteTransactions(tmp_path / "c.sqlite")
    with transactions.writing() as connection:
        connection.execute(sa.text("CREATE TABLE t (x INTEGER PRIMARY KEY)"))
    with pytest.raises(ZeroDivisionError), transactions.writing() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (1)"))
        raise ZeroDivisionError
    with transactions.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM t")) == 0
    with pytest.raises(StorageError, match="UNIQUE"), transactions.writing() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (1), (1)"))
    transactions.close()


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    missing = SqliteTransactions(tmp_path / "none" / "c.sqlite")
    with pytest.raises(Overloaded, match="unable to open"), missing.writing():
        raise AssertionError("it has begun")
    missing.close()
    path.write_bytes(b"noise " * 1000)
    damaged = SqliteTransactions(path)
    with pytest.raises(FormatError, match="damaged"), damaged.writing():
        raise AssertionError("it has begun")
    damaged.close()


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
    connection.close()
    reader = SqliteTransactions(path, reading_engine(path))
    with reader.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM t")) == 0
    with pytest.raises(StorageError), reader.writing() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (1)"))
    reader.close()
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
