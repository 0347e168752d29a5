"""The newest samples of series, and how they are forgotten where they were deleted.

A sample that repeats the newest one of its series is not stored again. Where that one was deleted,
it has to be: whoever sends it afterwards wants it to be there.
"""

import numpy as np

from storage.catalog.deletions import Deletion
from storage.kernels.arrays import Int64s
from storage.series.table import NEVER_MS
from storage.shard.shard import Shard


def forget_newest(shard: Shard, deletion: Deletion) -> None:
    """Forget newest samples that a deletion covers. For the shard's writer, or its recovery."""
    refs = deleted_refs(shard, deletion)
    newest = shard.table.last_ms[refs]
    covered = (newest >= deletion.start_ms) & (newest <= deletion.end_ms)
    written_later = np.zeros(len(shard.table), np.bool_)
    for head in shard.view().heads:  # what is there came after the deletion's seal
        written_later[head.refs_held(shard.table)] = True
    shard.table.last_ms[refs[covered & ~written_later[refs]]] = NEVER_MS


def deleted_refs(shard: Shard, deletion: Deletion) -> Int64s:
    """The series that a deletion selects."""
    index = shard.index(deletion.tenant)
    found = [index.match(matchers).refs for matchers in deletion.matcher_sets]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *found]))
