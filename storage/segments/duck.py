"""The one DuckDB instance of the process, which writes segments and reads their series tables.

It has no database of its own: it works on Parquet files. Memory and threads are bounded, it loads
no extensions and reads no Python variables by name. Every thread has its own cursor. Only when the
first of them is wanted is it loaded and started: it takes 30 MiB, which a server without segments
can spare.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


class Duck:
    """A DuckDB instance shared by all threads."""

    def __init__(self, *, memory_bytes: int, threads: int, temporary: Path) -> None:
        """temporary: the directory to which large sorts spill; made when needed."""
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{max(1, memory_bytes >> 20)}MiB",
            "threads": str(threads),
            "temp_directory": str(temporary),
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        self._lock = threading.Lock()
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._local = threading.local()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The calling thread's cursor: what it registers, no other thread sees."""
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self._started().cursor()
        return cursor

    def _started(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._instance is None:
                import duckdb

                self._instance = duckdb.connect(":memory:", config=self._config)
                self._instance.execute("SET GLOBAL parquet_metadata_cache = true")
                self._instance.execute("SET lock_configuration = true")
            return self._instance

    def close(self) -> None:
        """For when no thread uses it any more."""
        with self._lock:
            if self._instance is not None:
                self._instance.close()


def quoted(path: Path) -> str:
    """A path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
