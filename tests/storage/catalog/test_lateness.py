"""Which downsampled segments may lack something, as the catalog notes it."""

from __future__ import annotations

import msgspec
import pytest

from storage.catalog.catalog import Catalog
from storage.segments.segment import SegmentMeta, marked_late

FINE, COARSE = 300_000, 3_600_000


def segment(ulid: str, first: int, last: int, resolution: int = 0) -> SegmentMeta:
    cover = (first - 1, last) if resolution else (0, 0)
    return SegmentMeta(
        ulid=ulid, shard=0, min_ms=first, max_ms=last, samples=1, series=1, bytes=1, created_ms=1,
        resolution_ms=resolution, from_ms=cover[0], to_ms=cover[1],
    )  # fmt: skip


def late(catalog: Catalog) -> list[str]:
    return sorted(s.ulid for s in catalog.segments(0) if s.late_ms)


OLD = [segment("f1", 1, 100, FINE), segment("f2", 101, 200, FINE), segment("c", 1, 200, COARSE)]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (segment("r", 100, 100), ["c", "f1"]),
        (segment("r", 101, 101), ["c", "f2"]),
        (segment("r", 0, 0), []),
        (segment("r", 201, 300), []),
        (segment("r", 0, 300), ["c", "f1", "f2"]),
    ],
)
def test_what_is_sealed_late(catalog: Catalog, added: SegmentMeta, expected: list[str]) -> None:
    catalog.replace(0, [], OLD)
    assert late(catalog) == []
    catalog.seal(0, [added], 2)
    assert late(catalog) == expected
    first = {s.ulid: s.late_ms for s in catalog.segments(0)}
    catalog.seal(0, [msgspec.structs.replace(added, ulid="again")], 3)
    assert {u: first[u] for u in expected} == {
        s.ulid: s.late_ms for s in catalog.segments(0) if s.late_ms
    }
    viewed = [s.ulid for s in marked_late(OLD, [added], 7) if s.late_ms == 7]
    assert sorted(viewed) == expected


@pytest.mark.parametrize(
    ("known", "is_late", "expected"),
    [(["r1", "r2"], False, ["c"]), (["r1"], True, ["c", "new"]), ([], False, [])],
)
def test_windows_that_are_made_anew(
    catalog: Catalog, known: list[str], is_late: bool, expected: list[str]
) -> None:
    """known: what it was made of; nothing: of those that it replaces."""
    catalog.seal(0, [segment("r1", 5, 5), segment("r2", 100, 120), segment("r3", 101, 101)], 1)
    catalog.replace(0, [], [OLD[0], OLD[2]])
    made = catalog.replace_windows(["f1"], segment("new", 1, 100, FINE), known)
    assert (made.late_ms > 0) == is_late
    assert late(catalog) == expected
    assert {s.ulid for s in catalog.segments(0)} == {"r1", "r2", "r3", "new", "c"}
