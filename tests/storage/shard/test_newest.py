"""Newest samples are forgotten where a deletion covers them, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.catalog.deletions import Deletion, MatcherSets
from storage.labels.matchers import Matcher
from storage.series.table import NEVER_MS
from storage.shard.newest import deleted_refs, forget_newest
from tests.makers.databases import opened, seal, series, write

UP, ONE = Matcher("__name__", "=", "up"), Matcher("i", "=", "1")


@pytest.mark.parametrize(
    ("sets", "start", "end", "forgotten"),
    [
        (((UP,),), 0, 9, [True, True, False, False]),
        (((UP,),), 6, 9, [False, True, False, False]),
        (((UP,),), 0, 6, [True, False, False, False]),
        (((ONE,),), 0, 99, [True, False, False, False]),
        (((ONE,), (UP,)), 0, 99, [True, True, False, False]),
    ],
)
def test_what_is_forgotten(
    tmp_path: Path, sets: MatcherSets, start: int, end: int, forgotten: list[bool]
) -> None:
    with opened(tmp_path) as database:
        written = [
            series("up", [(1, 1.0), (5, 1.0)], i="1"),
            series("up", [(7, 1.0)], i="2"),
            series("up", [(7, 1.0)], i="3"),
            series("down", [(7, 1.0)]),
        ]
        write(database, written)
        seal(database)
        write(database, [series("up", [(8, 1.0)], i="3")])  # came later, so it stays
        shard = database._shards[0]
        deletion = Deletion(1, sets, start, end, 0, number=1)
        assert len(deleted_refs(shard, deletion)) == len({*forgotten} and refs_of(sets))
        forget_newest(shard, deletion)
        assert (shard.table.last_ms[:4] == NEVER_MS).tolist() == forgotten


def refs_of(sets: MatcherSets) -> range:
    return range(3 if (UP,) in sets else 1)
