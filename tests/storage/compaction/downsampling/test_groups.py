"""Pairs by their labels, and the series that stand for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storage.compaction.downsampling.groups import Groups, groups_of
from storage.database import Database
from storage.dedup.algorithm import Algorithm, PairRule
from storage.errors import LimitExceeded
from tests.makers.databases import opened, seal, series, write

RULES = {1: PairRule(("r",)), 2: PairRule(("r", "s"), Algorithm.CHAIN)}
POINT = [(1, 1.0)]


def names_of(database: Database, groups: Groups) -> list[tuple[str, list[str]]]:
    """Each group's series and members, as texts, by the names of their series."""
    table = database._shards[0].table

    def text(series_id: int) -> str:
        (ref,) = np.flatnonzero(table.ids[: len(table)] == series_id)
        own = slice(int(table.offsets[ref]), int(table.offsets[ref + 1]))
        codes = zip(table.names[own].tolist(), table.values[own].tolist(), strict=True)
        pairs = sorted((table.symbols.text(a), table.symbols.text(b)) for a, b in codes)
        return " ".join(value if name == "__name__" else f"{name}={value}" for name, value in pairs)

    ends = groups.members.tolist()
    members = [
        [text(i) for i in groups.ids[a:b].tolist()] for a, b in zip(ends, ends[1:], strict=False)
    ]
    found = zip(map(text, groups.targets.tolist()), members, strict=True)
    return sorted(found)


def grouped(database: Database) -> Groups:
    shard = database._shards[0]
    refs = np.arange(len(shard.table))
    return groups_of(shard, refs, RULES.__getitem__, database._in_writer)


def test_series_and_their_members(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [
            series("p", POINT, r="b"), series("p", POINT, r="a"), series("q", POINT),
            series("q", POINT, r="a"), series("o", POINT, x="1", r="z"), series("n", POINT, s="1"),
        ])  # fmt: skip
        write(database, [series("n", POINT, s="1"), series("n", POINT, s="2")], tenant="u")
        before = len(database._shards[0].table)
        groups = grouped(database)
        assert names_of(database, groups) == [
            ("n", ["n s=1", "n s=2"]),
            ("n s=1", ["n s=1"]),
            ("o x=1", ["o r=z x=1"]),
            ("p", ["p r=a", "p r=b"]),
            ("q", ["q", "q r=a"]),
        ]
        assert (np.diff(groups.targets) > 0).all()
        assert groups.largest == 2
        assert sorted(groups.algorithms.tolist()) == [0, 0, 0, 0, 2]
        shard = database._shards[0]
        assert len(shard.table) == before + 3
        known = set(shard.table.ids[:before].tolist())
        assert {*shard.held.tolist()} >= {t for t in groups.targets.tolist() if t not in known}
        again = grouped(database)
        assert again.targets.tolist()[: len(groups.targets)] is not None
        assert len(shard.table) == before + 3


def test_held_series_are_not_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("p", POINT, r="b"), series("p", POINT, r="a")])
        seal(database)
        shard, writer = database._shards[0], database._writers[0]
        groups = grouped(database)
        writer.forgetting.survey(1 << 50)
        left = writer.forgetting._left(writer.forgetting._surveyed())
        assert left.all()
        shard.held = shard.held[:0]
        left = writer.forgetting._left(writer.forgetting._surveyed())
        gone = shard.table.ids[: len(shard.table)][~left]
        assert gone.tolist() == groups.targets.tolist()


def test_a_full_table_is_an_error(tmp_path: Path) -> None:
    with opened(tmp_path, series_max=2) as database:
        write(database, [series("p", POINT, r="b"), series("p", POINT, r="a")])
        with pytest.raises(LimitExceeded, match=r"storage\.max-series"):
            grouped(database)
