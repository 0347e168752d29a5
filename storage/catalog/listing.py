"""The segments of a catalog, read without opening it: nothing is migrated, locked or changed.

For programs beside a server, which may be running, and for catalogs of older versions.
"""

import sqlite3
from pathlib import Path

import msgspec

from storage.catalog.catalog import SetAside
from storage.errors import FormatError
from storage.segments.segment import SegmentMeta


def listed_segments(path: Path) -> list[SetAside]:
    """All segments by shard, those in use without a reason. Raises FormatError."""
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM segments ORDER BY shard, number").fetchall()
        connection.close()
        return [listed(dict(row)) for row in found]
    except (sqlite3.Error, msgspec.ValidationError) as error:
        raise FormatError(f"cannot read the catalog {path}: {error}") from error


def listed(row: dict[str, int | str]) -> SetAside:
    """A row of the table; older versions lack some columns."""
    reason, since_ms = str(row.get("set_aside", "")), int(row.get("set_aside_ms", 0))
    return SetAside(msgspec.convert(row, SegmentMeta), reason, since_ms)
