"""A look at a catalog that changes nothing, also beside a running server."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from storage.errors import FormatError
from storage.segments.segment import SegmentMeta
from storage.tenants.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Look:
    """What a catalog had at one moment. segments: of all shards, those in use."""

    tenants: list[Tenant]
    segments: list[SegmentMeta]


def look_at(path: Path) -> Look:
    """What is in the catalog of this file. Raises FormatError if it cannot be read, or is of
    another version."""
    columns = ", ".join(SegmentMeta.__struct_fields__)
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("BEGIN")
            tenants = connection.execute("SELECT name, id, shard FROM tenants ORDER BY id")
            found = [Tenant(*row) for row in tenants]
            rows = connection.execute(
                f"SELECT {columns} FROM segments WHERE set_aside = '' ORDER BY max_ms, ulid"
            )
            names = SegmentMeta.__struct_fields__
            segments = [SegmentMeta(**dict(zip(names, row, strict=True))) for row in rows]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise FormatError(f"cannot read the catalog {path}: {error}") from error
    return Look(found, segments)
