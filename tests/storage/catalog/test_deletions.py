"""Deletions in the catalog: noted whole or not at all, and followed when segments are replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from storage.catalog.catalog import Catalog
from storage.catalog.deletions import (
    Applied,
    Deletion,
    decode_matchers,
    encode_matchers,
    forget_old,
)
from storage.errors import FormatError
from storage.labels.matchers import Matcher
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid

SETS = ((Matcher("a", "=~", "x|y"), Matcher("b", "!=", "")), (Matcher("\udc80", "=", "ü\udcff"),))


@pytest.fixture
def catalog(open_catalog: Callable[..., Catalog]) -> Iterator[Catalog]:
    catalog = open_catalog(shards=2)
    catalog.add_tenants({"one": 0, "two": 1})
    yield catalog
    catalog.close()


def segment(catalog: Catalog, shard: int = 0) -> SegmentMeta:
    meta = SegmentMeta(
        ulid=new_ulid(5), shard=shard, min_ms=1, max_ms=9, samples=3, series=2, bytes=7,
        created_ms=5,
    )  # fmt: skip
    catalog.seal(shard, [meta], 1)
    return meta


def wish(*ulids: str, tenant: int = 1) -> Deletion:
    return Deletion(tenant, SETS, -5, 2**62, 7, "me", 4, pending=frozenset(ulids))


def test_a_deletion_is_kept_with_its_segments(catalog: Catalog) -> None:
    first, second = segment(catalog), segment(catalog)
    added = catalog.deletions.add(wish(first.ulid, second.ulid))
    assert added == replace(wish(first.ulid, second.ulid), number=1)
    assert catalog.deletions.pending(0) == [added]
    assert catalog.deletions.pending(1) == []
    (receipt,) = catalog.deletions.receipts(1)
    assert (receipt.deletion, receipt.done_ms, receipt.segments_pending) == (added, None, 2)
    assert catalog.deletions.receipts(2) == []


def test_nothing_to_rewrite_is_done_at_once(catalog: Catalog) -> None:
    catalog.deletions.add(wish())
    assert catalog.deletions.pending(0) == []
    assert [receipt.done_ms for receipt in catalog.deletions.receipts(1)] == [7]


def test_what_a_rewrite_applied_is_done_and_the_rest_moves(catalog: Catalog) -> None:
    old, other, new = segment(catalog), segment(catalog), segment(catalog)
    catalog.drop_segments([new.ulid])
    done = catalog.deletions.add(wish(old.ulid))
    half = catalog.deletions.add(wish(old.ulid, other.ulid))
    late = catalog.deletions.add(wish(old.ulid))
    applied = {done.number: Applied(5), half.number: Applied(0, rewritten=False)}
    catalog.replace(0, [old.ulid], [new], applied=applied)
    assert catalog.deletions.pending(0) == [
        half.moved([old.ulid], []),
        late.moved([old.ulid], [new.ulid]),
    ]
    receipts = {each.deletion.number: each for each in catalog.deletions.receipts(1)}
    assert [(receipts[k].samples, receipts[k].segments) for k in (1, 2, 3)] == [
        (5, 1), (0, 0), (0, 0),
    ]  # fmt: skip
    assert [receipts[k].done_ms is not None for k in (1, 2, 3)] == [True, False, False]


def test_a_segment_that_goes_takes_along_what_was_pending(catalog: Catalog) -> None:
    old, gone = segment(catalog), segment(catalog)
    catalog.deletions.add(wish(old.ulid))
    catalog.deletions.add(wish(gone.ulid))
    catalog.replace(0, [old.ulid], [], applied={1: Applied(3)})
    catalog.drop_segments([gone.ulid])
    assert catalog.segments(0) == []
    assert catalog.deletions.pending(0) == []
    assert all(receipt.done_ms is not None for receipt in catalog.deletions.receipts(1))


def test_old_receipts_are_forgotten_but_not_what_is_pending(catalog: Catalog) -> None:
    catalog.deletions.add(wish(segment(catalog).ulid))
    for _ in range(4):
        catalog.deletions.add(wish())
    catalog.deletions.add(wish(tenant=2))
    with catalog._transaction() as connection:
        forget_old(connection, 1, kept=2)
    numbers = [each.deletion.number for each in catalog.deletions.receipts(1)]
    assert numbers == [5, 4, 1]
    assert len(catalog.deletions.receipts(2)) == 1


def test_matchers_are_read_back_as_they_were() -> None:
    assert decode_matchers(encode_matchers(SETS)) == SETS
    assert decode_matchers(encode_matchers(((),))) == ((),)
    for damaged in ("", "[[[1]]]", "3"):
        with pytest.raises(FormatError, match="matchers of a deletion"):
            decode_matchers(damaged)
