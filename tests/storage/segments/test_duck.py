"""The DuckDB instance is bounded, closed to extensions, and has one cursor per thread."""

import threading
from pathlib import Path

import duckdb
import pytest

from storage.segments.duck import Duck, quoted


def test_settings(tmp_path: Path) -> None:
    duck = Duck(memory_bytes=64 << 20, threads=1, temporary=tmp_path / "spill")
    settings = dict(duck.cursor().execute("SELECT name, value FROM duckdb_settings()").fetchall())
    duck.close()
    expected = {
        "memory_limit": "64.0 MiB",
        "threads": "1",
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "parquet_metadata_cache": "true",
        "lock_configuration": "true",
        "temp_directory": str(tmp_path / "spill"),
    }
    assert {name: settings[name] for name in expected} == expected


def test_python_variables_are_not_tables(tmp_path: Path) -> None:
    duck = Duck(memory_bytes=64 << 20, threads=1, temporary=tmp_path)
    rows = [1]
    with pytest.raises(duckdb.Error, match="rows"):
        duck.cursor().execute("SELECT * FROM rows")
    duck.close()
    assert rows


def test_cursor_per_thread(tmp_path: Path) -> None:
    duck = Duck(memory_bytes=64 << 20, threads=1, temporary=tmp_path)
    found = [duck.cursor()]
    thread = threading.Thread(target=lambda: found.append(duck.cursor()))
    thread.start()
    thread.join()
    assert duck.cursor() is found[0]
    assert found[1] is not found[0]
    duck.close()


def test_it_is_started_once_and_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *a, **b: started.append(a) or connect(*a, **b))
    unused = Duck(memory_bytes=64 << 20, threads=1, temporary=tmp_path)
    unused.close()
    assert started == []
    duck = Duck(memory_bytes=64 << 20, threads=1, temporary=tmp_path)
    threads = [threading.Thread(target=duck.cursor) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    duck.close()
    with pytest.raises(duckdb.ConnectionException):
        duck.cursor()


def test_quoted() -> None:
    assert quoted(Path("/a'b/c")) == "'/a''b/c'"
