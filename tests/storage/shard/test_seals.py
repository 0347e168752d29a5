"""A seal is tried until it works, or the writer stops."""

from __future__ import annotations

from pathlib import Path

from storage.head.head import Head
from storage.segments.segment import SegmentMeta
from storage.series.table import SeriesTable
from storage.shard.seals import seal
from tests.makers.shards import shard_at


def test_a_seal_that_fails_is_tried_again(tmp_path: Path) -> None:
    tried: list[SeriesTable] = []

    def sealer(shard: int, table: SeriesTable, head: Head, position: int) -> list[SegmentMeta]:
        tried.append(table)
        if len(tried) < 3:
            raise OSError("no space")
        return []

    with shard_at(tmp_path) as shard:
        head = shard.freeze()
        done = seal(shard, sealer, (head, 1), retry_seconds=0, is_stopping=lambda: False)
        assert done
        assert tried == [head.table] * 3
        assert shard.frozen is None


def test_it_is_given_up_when_the_writer_stops(tmp_path: Path) -> None:
    def sealer(shard: int, table: SeriesTable, head: Head, position: int) -> list[SegmentMeta]:
        raise OSError("no space")

    with shard_at(tmp_path) as shard:
        head = shard.freeze()
        done = seal(shard, sealer, (head, 1), retry_seconds=0, is_stopping=lambda: True)
        assert not done
        assert shard.frozen is head, "its samples are still read"
