"""Verifying a data directory: all segments are compared with their checksums, nothing is changed.

It may be done beside a running server: a segment that is replaced meanwhile is passed over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from storage.catalog.listing import listed_segments
from storage.files import catalog_file, segments_directory
from storage.segments.examination import Wrong, examine
from storage.segments.segment import SegmentMeta


@dataclass(frozen=True, slots=True)
class Verified:
    """How many segments were examined, how large they are, and how many of them are damaged."""

    segments: int
    bytes: int
    damaged: int
    set_aside: int


def verify(path: Path, report: Callable[[str], None]) -> Verified:
    """Examine all segments in use of a data directory; report() gets a line for each finding.

    Raises FormatError if the catalog cannot be read.
    """
    segments = size = damaged = aside = 0
    for entry in listed_segments(catalog_file(path)):
        segment = entry.segment
        if entry.reason:
            aside += 1
            report(f"set aside: shard={segment.shard} ulid={segment.ulid} reason={entry.reason!r}")
            continue
        wrong = examine(segments_directory(path, segment.shard) / segment.ulid)
        if wrong and not is_in_use(path, segment):
            continue
        segments += 1
        size += segment.bytes
        damaged += bool(wrong)
        for finding in wrong:
            report(described(segment, finding))
    return Verified(segments, size, damaged, aside)


def is_in_use(path: Path, segment: SegmentMeta) -> bool:
    """Whether the catalog has the segment still."""
    return any(
        entry.segment.ulid == segment.ulid and not entry.reason
        for entry in listed_segments(catalog_file(path))
    )


def described(segment: SegmentMeta, wrong: Wrong) -> str:
    groups = "all" if wrong.groups is None else ",".join(map(str, wrong.groups))
    return (
        f"damaged: shard={segment.shard} ulid={segment.ulid} file={wrong.path.name} "
        f"row_groups={groups or 'none'} reason={wrong.reason!r}"
    )
