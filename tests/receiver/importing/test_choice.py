"""Which blocks are imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.importing.choice import FoundBlock, chosen, superseded_by_others, uncovered
from receiver.importing.parts import ALWAYS, Report
from receiver.importing.tsdb.block import Meta
from receiver.importing.tsdb.files import LocalFiles


def meta(start: int, end: int, resolution: int = 0, **labels: str) -> Meta:
    return Meta("u", start, end, labels, resolution, False)


@pytest.mark.parametrize(
    ("raw", "gaps"),
    [
        ([meta(0, 100)], []),
        ([meta(0, 15), meta(15, 20)], []),
        ([meta(12, 15), meta(16, 18)], [(10, 20)]),
        ([meta(0, 15)], [(15, 20)]),
        ([meta(0, 100, r="b")], [(10, 20)]),
        ([], [(10, 20)]),
    ],
)
def test_times_without_raw_blocks(raw: list[Meta], gaps: list[tuple[int, int]]) -> None:
    assert uncovered(meta(10, 20, 300_000), raw) == gaps


def made_of(ulid: str, *sources: str, resolution: int = 0, **labels: str) -> Meta:
    return Meta(ulid, 0, 10, labels, resolution, False, frozenset(sources))


@pytest.mark.parametrize(
    ("metas", "left_out"),
    [
        ([made_of("a", "a"), made_of("b", "b"), made_of("c", "a", "b")], {"a", "b"}),
        ([made_of("a", "a"), made_of("c", "b", "d")], set()),
        # Made of the same, as by a compactor that shares out series: both are needed.
        ([made_of("c", "a", "b"), made_of("d", "a", "b")], set()),
        ([made_of("a", "a", r="1"), made_of("c", "a", "b", r="2")], set()),
        ([made_of("a", "a"), made_of("c", "a", "b", resolution=300_000)], set()),
        ([made_of("a"), made_of("c", "a", "b")], set()),
    ],
)
def test_blocks_that_others_are_made_of(metas: list[Meta], left_out: set[str]) -> None:
    assert superseded_by_others(metas) == left_out
    report = Report()
    files = LocalFiles(Path())
    left = chosen([FoundBlock(each, files) for each in metas], report, ALWAYS)
    raw = {each.ulid for each in metas if each.resolution_ms == 0}
    assert {block.meta.ulid for block in left} == raw - left_out
    assert any("were compacted to others" in note for note in report.notes) == bool(left_out)
