"""The scrub: every segment is compared with its checksums from time to time, evenly spread.

A segment has its own moment in each interval, drawn from its name. So nothing has to be noted about
it, and a restart neither begins anew nor brings all segments at once.
"""

from collections.abc import Iterable

import xxhash

from storage.segments.segment import SegmentMeta


def due_segments(
    segments: Iterable[SegmentMeta], since_ms: int, now_ms: int, interval_ms: int
) -> list[SegmentMeta]:
    """The segments whose moment was in (since_ms, now_ms]; none if the interval is 0."""
    if interval_ms == 0:
        return []
    return [
        segment
        for segment in segments
        if turns(segment, now_ms, interval_ms) > turns(segment, since_ms, interval_ms)
    ]


def turns(segment: SegmentMeta, at_ms: int, interval_ms: int) -> int:
    """How many moments of the segment had been by then."""
    return (at_ms - xxhash.xxh3_64_intdigest(segment.ulid.encode()) % interval_ms) // interval_ms


def next_scrub_ms(segment: SegmentMeta, now_ms: int, interval_ms: int) -> int:
    """The next moment of a segment after now_ms."""
    return (
        now_ms
        + interval_ms
        - ((now_ms - xxhash.xxh3_64_intdigest(segment.ulid.encode()) % interval_ms) % interval_ms)
    )
