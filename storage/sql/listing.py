"""What a catalog lists, read without opening it for writing: segments, tenants, metric families."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storage.catalog.deletions import MatcherSets, decode_matchers
from storage.catalog.schema import DATA_FORMAT_VERSION
from storage.errors import FormatError
from storage.files import catalog_file, segments_directory
from storage.segments.segment import SegmentMeta

BUSY_TIMEOUT_SECONDS = 10.0
# Columns that older catalogs lack, and what they mean there.
SEGMENT_DEFAULTS = {"rank": "number", "set_aside": "''", "exemplars": "0", "histograms": "0",
    "from_ms": "0", "to_ms": "0",
}  # fmt: skip
SEGMENT_COLUMNS = (
    "ulid", "shard", "number", "rank", "min_ms", "max_ms", "samples", "series", "bytes",
    "exemplars", "histograms", "level", "resolution_ms", "created_ms", "set_aside",
    "from_ms", "to_ms",
)  # fmt: skip
TYPES = (
    "unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment as the catalog lists it, and the directory of its files; tables: what stands for
    those that are not there, by the name of the file."""

    directory: Path
    columns: dict[str, Any]
    tables: dict[str, str] = field(default_factory=dict)

    @property
    def meta(self) -> SegmentMeta:
        known = SegmentMeta.__struct_fields__
        return SegmentMeta(**{k: v for k, v in self.columns.items() if k in known})

    @property
    def span(self) -> tuple[int, int]:
        return self.columns["min_ms"], self.columns["max_ms"]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a deletion hides in a segment: from start_ms to end_ms, both inclusive."""

    ulid: str
    tenant: str
    matcher_sets: MatcherSets
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Listing:
    """data: the directory; segments: those that are read, by shard and rank; metadata: (tenant,
    family, type, help, unit); hidden: deletions whose segments are not rewritten yet."""

    data: Path
    segments: list[ListedSegment]
    metadata: list[tuple[str, str, str, str, str]]
    hidden: list[Hidden]


def read_listing(data: Path) -> Listing:
    """What the catalog of a data directory lists now. Raises FormatError."""
    path = catalog_file(data)
    if not path.exists():
        raise FormatError(f"{data} is no data directory: it has no {path.name} (storage.path)")
    try:
        uri = f"file:{quote(str(path.resolve()))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS)
        with closing(connection), connection:
            # One transaction: what is listed belongs together.
            connection.execute("BEGIN")
            check_version(connection)
            segments = list_segments(connection, data)
            return Listing(data, segments, list_metadata(connection), list_hidden(connection))
    except sqlite3.Error as error:
        raise FormatError(f"{path} cannot be read: {error}") from error


def check_version(connection: sqlite3.Connection) -> None:
    row = connection.execute("SELECT value FROM settings WHERE name = 'format_version'").fetchone()
    if row is not None and row[0] != DATA_FORMAT_VERSION:
        raise FormatError(
            f"the data directory has version {row[0]}; only {DATA_FORMAT_VERSION} is read"
        )


def list_segments(connection: sqlite3.Connection, data: Path) -> list[ListedSegment]:
    known = {row[1] for row in connection.execute("PRAGMA table_info(segments)")}
    columns = [
        name if name in known else f"{SEGMENT_DEFAULTS[name]} AS {name}" for name in SEGMENT_COLUMNS
    ]
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM segments")
    named = [dict(zip(SEGMENT_COLUMNS, row, strict=True)) for row in rows]
    named = [row for row in named if not row["set_aside"]]
    named.sort(key=lambda row: (row["shard"], row["rank"], row["number"]))
    return [
        ListedSegment(segments_directory(data, row["shard"]) / row["ulid"], row) for row in named
    ]


def list_hidden(connection: sqlite3.Connection) -> list[Hidden]:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if "pending_deletions" not in tables:
        return []
    rows = connection.execute(
        "SELECT ulid, tenants.name, matchers, start_ms, end_ms FROM pending_deletions "
        "JOIN deletions ON deletions.number = deletion JOIN tenants ON tenants.id = tenant"
    )
    return [
        Hidden(ulid, tenant, decode_matchers(matchers), start_ms, end_ms)
        for ulid, tenant, matchers, start_ms, end_ms in rows
    ]


def list_metadata(connection: sqlite3.Connection) -> list[tuple[str, str, str, str, str]]:
    rows = connection.execute(
        "SELECT tenants.name, family, kind, help, unit FROM metric_metadata "
        "JOIN tenants ON tenants.id = metric_metadata.tenant ORDER BY metric_metadata.number"
    )
    return [
        (tenant, family, TYPES[kind] if 0 <= kind < len(TYPES) else TYPES[0], about, unit)
        for tenant, family, kind, about, unit in rows
    ]
