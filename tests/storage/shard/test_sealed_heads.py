"""What was written of a head waits for the catalog, and is written and registered once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.catalog.catalog import Catalog
from storage.errors import Overloaded
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from storage.shard.sealed_heads import SealedHeads
from tests.makers.shards import shard_at


class Unsure(Catalog):
    """Loses the answers to some seals. answers: what becomes of each."""

    answers: list[str]

    def seal(self, shard: int, sealed: Sequence[SegmentMeta], log_position: int) -> None:
        answer = self.answers.pop(0)
        if answer != "refused":
            super().seal(shard, sealed, log_position)
        if answer != "done":
            raise Overloaded("away")


@pytest.mark.parametrize(
    "answers", [["done"], ["refused", "refused", "done"], ["lost"], ["refused", "lost"]]
)
@pytest.mark.parametrize("segments", [0, 2])
def test_a_head_is_written_and_registered_once(
    tmp_path: Path, answers: list[str], segments: int
) -> None:
    written: list[list[SegmentMeta]] = []

    def write() -> list[SegmentMeta]:
        written.append([segment() for _ in range(segments)])
        return written[-1]

    catalog = Unsure.open(tmp_path / "c.sqlite", shards=1)
    assert isinstance(catalog, Unsure)
    # Where it has no segments to be known by, it is registered again, which is the same.
    catalog.answers = [*answers, "done"]
    heads = SealedHeads()
    with shard_at(tmp_path / "shard") as shard:
        head = shard.freeze()
        for _ in range(len(answers) + 1):
            heads.write(head, 0, write)
            try:
                heads.register(catalog, 0, 7)
                break
            except Overloaded:
                continue
        shard.thaw([])
        assert len(written) == 1
        assert (catalog.segments(0), catalog.log_position(0)) == (written[0], 7)
        catalog.answers = ["done"]
        heads.write(shard.freeze(), 0, write)
        heads.register(catalog, 0, 8)
    assert len(written) == 2, "another head is another one"
    assert len(catalog.segments(0)) == 2 * segments
    catalog.close()


def segment() -> SegmentMeta:
    return SegmentMeta(
        ulid=new_ulid(5), shard=0, min_ms=1, max_ms=9, samples=3, series=2, bytes=7, created_ms=5
    )
