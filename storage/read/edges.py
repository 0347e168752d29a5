"""The edges of windows of what segments have: taken out of row groups without a copy of samples.

What is not plain and in line, or has stale markers, is read the usual way by whoever asks.
"""

import numpy as np

from storage.errors import FormatError
from storage.kernels.arrays import Int64s
from storage.samples.edges import EdgeRoom
from storage.segments.encoding.edging import edge_run
from storage.segments.encoding.groups import GroupFile
from storage.segments.encoding.held import HeldGroups
from storage.segments.reader import PLACED_ROWS, SegmentReader
from storage.segments.row_index import ReadPlan, Source, in_line


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
    numbers, runs, offsets = reader.wanted_groups(source), source.wanted, source.footer.offsets
    wanted = runs.items, runs.firsts, runs.ends
    if not len(numbers):
        return not len(runs.items)
    if keep:
        found = reader.kept_groups(source, numbers)
        return HeldGroups([(int(offsets[first]), g) for first, _, g in found]).take(*wanted, room)
    with reader.opened(source, numbers) as file:
        for run in file.neighbours(numbers, PLACED_ROWS):
            are_floats = source.footer.scales[run] < 0
            edges = np.flatnonzero(np.diff(are_floats)) + 1
            for part in np.split(run, edges.tolist()):
                take = _take_decoded if source.footer.scales[part[0]] < 0 else _take_stored
                if not take(file, source, part, room):
                    return False
    return True


def _take_stored(file: GroupFile, source: Source, run: Int64s, room: EdgeRoom) -> bool:
    """Take neighbouring row groups of scaled integers."""
    footer, runs = source.footer, source.wanted
    first, end = int(run[0]), int(run[-1]) + 1
    begin = int(footer.begins[first])
    data = file.read(begin, int(footer.ends[end - 1]) - begin)
    wanted = runs.items, runs.firsts, runs.ends
    return edge_run(footer, (first, end), data, begin, room, wanted=wanted)


def _take_decoded(file: GroupFile, source: Source, run: Int64s, room: EdgeRoom) -> bool:
    """Take neighbouring row groups of whatever else, which are decoded first."""
    offsets, runs = source.footer.offsets, source.wanted
    try:
        found = [(int(offsets[number]), group) for number, group in file.groups(run)]
    except FormatError:
        return False
    low, high = int(offsets[run[0]]), int(offsets[run[-1] + 1])
    own = slice(*np.searchsorted(runs.ends, [low + 1]), *np.searchsorted(runs.firsts, [high]))
    firsts, ends = np.maximum(runs.firsts[own], low), np.minimum(runs.ends[own], high)
    return HeldGroups(found).take(runs.items[own], firsts, ends, room)
