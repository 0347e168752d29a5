"""What is done to the rows of segments, within a transaction of the catalog."""

import time
from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, delete, insert, select, update

from storage.catalog.deletions import Applied, replace_pending
from storage.catalog.schema import segments
from storage.errors import StorageError
from storage.segments.segment import SegmentMeta


def exchange(
    connection: Connection,
    shard: int,
    sources: Sequence[str],
    outputs: Sequence[SegmentMeta],
    others: tuple[Mapping[str, str], Mapping[int, Applied]],
) -> None:
    """What replace() does. others: what is set aside, and what was applied."""
    aside, applied = others
    gone = [ulid for ulid in sources if ulid not in aside]
    in_use = (segments.c.ulid.in_(sources), segments.c.set_aside == "")
    found = connection.scalar(select(sa.func.count()).where(*in_use))
    if found != len(sources):
        raise StorageError(
            f"{found} of {len(sources)} segments of shard {shard} that were to be replaced "
            f"are in use: {', '.join(sources)}"
        )
    connection.execute(delete(segments).where(segments.c.ulid.in_(gone)))
    for ulid, reason in aside.items():
        put_aside(connection, ulid, reason)
    register(connection, shard, outputs)
    successors = [segment.ulid for segment in outputs]
    now_ms = time.time_ns() // 1_000_000
    replace_pending(connection, sources, successors, applied, now_ms=now_ms)


def register(connection: Connection, shard: int, added: Sequence[SegmentMeta]) -> None:
    for segment in added:
        assert segment.shard == shard, f"BUG: {segment} registered in shard {shard}"
        connection.execute(insert(segments).values(msgspec.structs.asdict(segment)))


def put_aside(connection: Connection, ulid: str, reason: str) -> None:
    assert reason, f"BUG: no reason to set {ulid} aside"
    values = {"set_aside": reason, "set_aside_ms": time.time_ns() // 1_000_000}
    connection.execute(update(segments).where(segments.c.ulid == ulid).values(values))
