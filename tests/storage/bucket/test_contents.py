"""What counts in a bucket: never half of a replacement, and what is deleted stays hidden."""

from __future__ import annotations

import pytest

from storage.bucket.contents import Contents, StoredDeletion, decode, encode, next_contents
from storage.catalog.deletions import Deletion
from storage.labels.matchers import Matcher
from storage.segments.segment import SegmentMeta
from storage.tenants.tenant import Tenant

TENANTS = [Tenant("t", 1, 0), Tenant("u", 2, 1)]


def segment(name: str, shard: int = 0) -> SegmentMeta:
    return SegmentMeta(
        ulid=name, shard=shard, min_ms=0, max_ms=9, samples=1, series=1, bytes=1, created_ms=0
    )


def segments(names: str) -> list[SegmentMeta]:
    """Small letters are of shard 0, large ones of shard 1."""
    return [segment(name, int(name.isupper())) for name in names]


def contents(names: str, deletions: tuple[StoredDeletion, ...] = ()) -> Contents:
    return Contents(writer=7, shards=2, segments=tuple(segments(names)), deletions=deletions)


def deletion(number: int, pending: str) -> Deletion:
    sets = ((Matcher("a", "=", "b"),),)
    return Deletion(1, sets, 0, 9, 5, "me", 3, number, frozenset(pending))


@pytest.mark.parametrize(
    ("before", "live", "uploaded", "after"),
    [
        ("", "abC", "", ""),
        ("", "abC", "aC", "aC"),
        ("aC", "abC", "abC", "abC"),
        ("abC", "xC", "abC", "abC"),  # a and b became x, which is not there yet
        ("abC", "xC", "abxC", "xC"),
        ("abC", "xyC", "abxC", "abC"),
        ("abC", "xD", "abxC", "xC"),  # each shard by itself
        ("abC", "b", "abC", "b"),
        ("abC", "", "abC", ""),
    ],
)
def test_what_counts(before: str, live: str, uploaded: str, after: str) -> None:
    found = next_contents(contents(before), TENANTS, segments(live), set(uploaded), [])
    assert "".join(s.ulid for s in found.segments) == after
    assert (found.writer, found.sequence) == (7, 1)
    assert [tenant.name for tenant in found.tenants] == ["t", "u"]


@pytest.mark.parametrize(
    ("before", "live", "uploaded", "now", "after"),
    [
        ({}, "ab", "ab", {1: "ab"}, {1: "ab"}),
        ({}, "ab", "a", {1: "ab"}, {1: "a"}),
        ({1: "a"}, "x", "a", {}, {1: "a"}),  # x obeys it, but is not there yet
        ({1: "a"}, "x", "ax", {}, {}),
        ({1: "a"}, "xb", "ab", {2: "xb"}, {1: "a", 2: "b"}),
        ({1: "a"}, "ab", "ab", {}, {}),  # nothing of it was in a
    ],
)
def test_what_is_hidden(
    before: dict[int, str], live: str, uploaded: str, now: dict[int, str], after: dict[int, str]
) -> None:
    stored = tuple(StoredDeletion.of(deletion(n, p), set(p)) for n, p in before.items())
    listed = "".join(sorted({*"".join(before.values()), *(set(live) & set(uploaded))} - {"x"}))
    found = next_contents(
        contents(listed, stored),
        TENANTS,
        segments(live),
        set(uploaded),
        [deletion(number, pending) for number, pending in now.items()],
    )
    hidden = {d.number: "".join(d.pending) for d in found.deletions}
    assert {n: set(p) for n, p in hidden.items()} == {n: set(p) for n, p in after.items()}


def test_written_and_read() -> None:
    stored = StoredDeletion.of(deletion(4, "ab"), {"a"})
    written = contents("abC", (stored,))
    found = decode(encode(written), "test")
    assert found == written
    assert found.deletions[0].deletion == deletion(4, "a")
    assert found.says_the_same(written)
    assert not found.says_the_same(contents("ab", (stored,)))
