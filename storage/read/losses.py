"""What queries may lack because it is damaged: said in words, since nothing is said by silence."""

import time
from collections.abc import Sequence

from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE, SAMPLES_FILE, SERIES_FILE
from storage.segments.segment import SegmentMeta
from storage.shard.shard import Shard

READ_FILES = frozenset({SAMPLES_FILE, HISTOGRAMS_FILE, AGGREGATES_FILE, SERIES_FILE})
LATEST_S = 253_402_300_799  # the end of the year 9999


def losses_in(shard: Shard, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """A sentence if a segment with times of these spans is known to be damaged; it may be about
    other series of the segment than those that were asked for."""
    damaged = shard.files.damages.segments(READ_FILES)
    if not damaged or not spans:
        return ()
    found = [
        segment
        for segment in shard.view().every_segment
        if segment.ulid in damaged and touches(segment, spans)
    ]
    if not found:
        return ()
    first, last = min(s.times[0] for s in found), max(s.times[1] for s in found)
    return (
        f"damaged data was passed over, so samples of some series may be missing from "
        f"{utc(first)} to {utc(last)}: {len(found)} segments are damaged in part, such as "
        f"{found[0].ulid} (status/segments, cupola verify)",
    )


def touches(segment: SegmentMeta, spans: Sequence[tuple[int, int]]) -> bool:
    first, last = segment.times
    return any(first <= end and last >= start for start, end in spans)


def utc(time_ms: int) -> str:
    seconds = min(max(time_ms // 1000, 0), LATEST_S)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
