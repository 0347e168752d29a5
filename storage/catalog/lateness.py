"""Which downsampled segments may lack samples, because some came late or were made anew.

What is finer than a segment of a resolution, and of the time that it covers, is what it is made of.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, select, update

from storage.catalog.schema import segments
from storage.downsampling.aggregates import finer_than
from storage.segments.segment import SegmentMeta


def mark_late(connection: Connection, shard: int, added: Iterable[SegmentMeta], at_ms: int) -> None:
    """Note of the segments that cover times of those added, and are coarser, that they may lack
    something since then; those that may already stay as they are."""
    for segment in added:
        first, last = segment.times
        connection.execute(
            update(segments)
            .where(
                segments.c.shard == shard,
                segments.c.resolution_ms > segment.resolution_ms,
                segments.c.from_ms < last,
                segments.c.to_ms >= first,
                segments.c.late_ms == 0,
            )
            .values(late_ms=at_ms)
        )


def has_others(connection: Connection, output: SegmentMeta, known: Collection[str]) -> bool:
    """Whether there are segments of the next finer resolution, and of the time that a segment
    covers, but those that are known."""
    table = segments.c
    query = select(table.ulid).where(
        table.shard == output.shard,
        table.set_aside == "",
        table.resolution_ms == finer_than(output.resolution_ms),
        table.min_ms <= output.to_ms,
        table.max_ms > output.from_ms,
    )
    return any(ulid not in known for ulid in connection.execute(query).scalars())
