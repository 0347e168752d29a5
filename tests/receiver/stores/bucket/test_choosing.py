"""Which blocks answer which stretch of time."""

from __future__ import annotations

import pytest

from receiver.importing.tsdb.block import Meta
from receiver.stores.bucket.choosing import live, stretches
from storage.samples.hint import NO_HINT, SelectHint

FIVE, HOUR = 300_000, 3_600_000
ANY = SelectHint(coarser=True)


def meta(
    ulid: str, start: int, end: int, *, resolution: int = 0, replica: str = "a", sources: str = ""
) -> Meta:
    own = frozenset(sources or ulid)
    return Meta(ulid, start, end, {"replica": replica}, resolution, False, own)


RAW = [meta("b", 100, 200), meta("c", 200, 300)]
COARSE = [
    meta("x", 0, 100, resolution=FIVE), meta("y", 100, 200, resolution=FIVE),
    meta("z", 0, 100, resolution=HOUR), meta("w", -100, 0, resolution=HOUR),
]  # fmt: skip


@pytest.mark.parametrize(
    ("metas", "span", "hint", "expected"),
    [
        # Raw samples where there are some, and nothing but them if nothing else is wanted.
        (RAW + COARSE, (0, 250), NO_HINT, [("b", 100, 199), ("c", 200, 250)]),
        (RAW + COARSE, (150, 160), ANY, [("b", 150, 160)]),
        # What has no raw samples from the finest that has it.
        (
            RAW + COARSE,
            (-50, 250),
            ANY,
            [("b", 100, 199), ("c", 200, 250), ("x", 0, 99), ("w", -50, -1)],
        ),
        # What is wanted coarse, as far as it goes.
        (
            RAW + COARSE,
            (0, 250),
            SelectHint(resolution_ms=FIVE),
            [("x", 0, 99), ("y", 100, 199), ("c", 200, 250)],
        ),
        (
            RAW + COARSE,
            (0, 150),
            SelectHint(resolution_ms=HOUR),
            [("z", 0, 99), ("y", 100, 150)],
        ),
        # Another stream has its own gaps; overlapping blocks are all read.
        (
            [meta("p", 0, 100), meta("q", 50, 100), meta("r", 0, 100, replica="b")],
            (40, 60),
            ANY,
            [("p", 40, 60), ("q", 50, 60), ("r", 40, 60)],
        ),
        (
            [meta("p", 20, 30), meta("q", 0, 100, resolution=FIVE)],
            (0, 99),
            ANY,
            [("p", 20, 29), ("q", 0, 19), ("q", 30, 99)],
        ),
        (RAW, (300, 400), ANY, []),
        (RAW, (299, 299), ANY, [("c", 299, 299)]),
    ],
)
def test_stretches(
    metas: list[Meta], span: tuple[int, int], hint: SelectHint, expected: list[object]
) -> None:
    found = [(each.ulid, *each.span) for each in stretches(metas, span, hint)]
    assert found == expected


def test_what_was_compacted_counts_once() -> None:
    metas = [
        meta("a", 0, 100), meta("b", 100, 200), meta("c", 0, 200, sources="ab"),
        meta("d", 0, 200, resolution=FIVE, sources="ab"),
        meta("e", 0, 100, replica="b", sources="a"),
    ]  # fmt: skip
    assert [(m.ulid, m.resolution_ms, m.labels["replica"]) for m in live(metas)] == [
        ("c", 0, "a"), ("d", FIVE, "a"), ("e", 0, "b"),
    ]  # fmt: skip
