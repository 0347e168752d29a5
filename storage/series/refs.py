"""The refs of a table in terms of another one of the same shard, before or after it.

A table is replaced as a whole when series are forgotten. Queries go on with the table they began
with; a head stays with the one it was opened with. Where the two differ, refs are translated.
"""

import numpy as np

from storage.kernels.arrays import Int64s
from storage.series.table import SeriesTable, Succession


def refs_in(target: SeriesTable, source: SeriesTable, refs: Int64s) -> Int64s:
    """What refs of the source are in the target; -1 for series that it does not have."""
    if target is source:
        return refs
    if target.generation > source.generation:
        for step in steps(source, target):
            refs = forward(step, refs)
        return refs
    for step in reversed(steps(target, source)):
        refs = backward(step, refs)
    return refs


def steps(first: SeriesTable, last: SeriesTable) -> list[Succession]:
    """From a table to one that was made after it."""
    found = []
    while first is not last:
        assert first.succession is not None, "BUG: tables of different shards"
        found.append(first.succession)
        first = first.succession.table
    return found


def forward(step: Succession, refs: Int64s) -> Int64s:
    if not len(step.new_refs):
        return np.full(len(refs), -1, np.int64)
    found: Int64s = np.where(refs < 0, -1, step.new_refs[np.maximum(refs, 0)]).astype(np.int64)
    return found


def backward(step: Succession, refs: Int64s) -> Int64s:
    if not len(step.old_refs):
        return np.full(len(refs), -1, np.int64)
    known = (refs >= 0) & (refs < len(step.old_refs))
    found: Int64s = np.where(known, step.old_refs[np.where(known, refs, 0)], -1)
    return found
