"""The edges of windows of what segments have: taken out of row groups without a copy of samples.

What is not plain and in line, or has stale markers, is read the usual way by whoever asks.
"""

import numpy as np

from storage.errors import FormatError
from storage.kernels.arrays import Int64s
from storage.samples.edges import EdgeRoom
from storage.segments.encoding.edging import edges_of
from storage.segments.encoding.groups import GroupFile
from storage.segments.encoding.held import HeldGroups
from storage.segments.reader import SegmentReader
from storage.segments.row_index import ReadPlan, Source, in_line

# Of row groups that have so many times as many rows as are wanted, decoding takes longer than the
# rest.
SMALL_PART = 8


def take_sealed(reader: SegmentReader, plan: ReadPlan, room: EdgeRoom, *, keep: bool) -> bool:
    """Take all samples of a plan; False, after which the room is of no use, if that cannot be done
    like this. keep: whether what is decoded may be kept for the next read."""
    sources = sorted(plan.sources, key=lambda source: source.segment.min_ms)
    if any(source.has_extras for source in sources) or not in_line(plan.runs):
        return False
    with reader.places.held([source.segment for source in sources]):
        reader.bring(sources)
        return all(_take(reader, source, room, keep=keep) for source in sources)


def _take(reader: SegmentReader, source: Source, room: EdgeRoom, *, keep: bool) -> bool:
    """Take the wanted rows, row group by row group. Integers are decoded as fast as memory gives
    what was kept decoded: these are kept only where little of each is wanted, and once more."""
    numbers, footer = reader.wanted_groups(source), source.footer
    if not len(numbers):
        return not len(source.wanted.items)
    is_small = keep and _is_small_part(reader, source, numbers, room.grid.span)
    if is_small and reader.comes_again(source, numbers):
        return _take_kept(reader, source, numbers, room)
    others = (footer.scales[numbers] < 0) | footer.has_nulls[numbers]
    parts = np.split(numbers, (np.flatnonzero(np.diff(others)) + 1).tolist())
    with reader.opened(source, numbers) as file:
        for part in parts:
            if not others[np.searchsorted(numbers, part[0])]:
                taken = all(_take_stored(file, source, some, room) for some in file.batches(part))
            elif keep:
                taken = _take_kept(reader, source, part, room)
            else:
                taken = all(_take_decoded(file, source, r, room) for r in file.neighbours(part))
            if not taken:
                return False
    return True


def _is_small_part(
    reader: SegmentReader, source: Source, numbers: Int64s, span: tuple[int, int]
) -> bool:
    """Whether few of the rows of row groups are of the span."""
    offsets = source.footer.offsets
    rows = int((offsets[numbers + 1] - offsets[numbers]).sum())
    return SMALL_PART * reader.count(ReadPlan([source], source.wanted.items, span)) <= rows


def _take_stored(file: GroupFile, source: Source, numbers: Int64s, room: EdgeRoom) -> bool:
    """Take row groups of scaled integers."""
    wanted = _wanted_of(source, numbers)
    return edges_of(source.footer, numbers, file.gathered(numbers), room, wanted=wanted)


def _take_kept(reader: SegmentReader, source: Source, numbers: Int64s, room: EdgeRoom) -> bool:
    """Take row groups of whatever else, which are kept decoded."""
    offsets = source.footer.offsets
    found = [(int(offsets[n]), group) for n, _, group in reader.kept_groups(source, numbers)]
    return HeldGroups(found).take(*_wanted_of(source, numbers), room)


def _take_decoded(file: GroupFile, source: Source, numbers: Int64s, room: EdgeRoom) -> bool:
    """Take neighbouring row groups of whatever else, which are decoded first."""
    offsets = source.footer.offsets
    try:
        found = [(int(offsets[number]), group) for number, group in file.groups(numbers)]
    except FormatError:
        return False
    return HeldGroups(found).take(*_wanted_of(source, numbers), room)


def _wanted_of(source: Source, numbers: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """The series, first rows and ends of the wanted runs within these row groups, between which
    there are none with wanted rows."""
    offsets, runs = source.footer.offsets, source.wanted
    low, high = int(offsets[numbers[0]]), int(offsets[numbers[-1] + 1])
    own = slice(
        int(np.searchsorted(runs.ends, low, side="right")), int(np.searchsorted(runs.firsts, high))
    )
    return runs.items[own], np.maximum(runs.firsts[own], low), np.minimum(runs.ends[own], high)
