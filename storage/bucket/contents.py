"""The contents of a bucket: what the one object says that counts.

It is written whole, after everything that it names, by the one process that owns the bucket, and
each time with a higher sequence. What it lists of a shard is what the catalog of that process had
of it at some moment, or a part of that to which more was only added since.
"""

import time
from collections.abc import Collection, Sequence

import msgspec

from storage.catalog.deletions import Deletion, decode_matchers, encode_matchers
from storage.catalog.metadata import Description, FamilyMetadata
from storage.errors import FormatError
from storage.segments.segment import SegmentMeta
from storage.tenants.tenant import Tenant

FORMAT_VERSION = 1


class StoredTenant(msgspec.Struct, frozen=True):
    """A tenant, with the number that the ids of its series have."""

    name: str
    number: int
    shard: int


class StoredDeletion(msgspec.Struct, frozen=True):
    """What is hidden in segments; matchers: as in the catalog; pending: the segments, by ULID."""

    number: int
    tenant: int
    matchers: str
    start_ms: int
    end_ms: int
    created_ms: int
    author: str
    series: int
    pending: tuple[str, ...]

    @classmethod
    def of(cls, deletion: Deletion, pending: Collection[str]) -> "StoredDeletion":
        return cls(
            number=deletion.number,
            tenant=deletion.tenant,
            matchers=encode_matchers(deletion.matcher_sets),
            start_ms=deletion.start_ms,
            end_ms=deletion.end_ms,
            created_ms=deletion.created_ms,
            author=deletion.author,
            series=deletion.series,
            pending=tuple(sorted(pending)),
        )

    @property
    def deletion(self) -> Deletion:
        return Deletion(
            self.tenant,
            decode_matchers(self.matchers),
            self.start_ms,
            self.end_ms,
            self.created_ms,
            self.author,
            self.series,
            self.number,
            frozenset(self.pending),
        )


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What counts in a bucket. writer: a number drawn by the data directory that owns it."""

    format: int = FORMAT_VERSION
    writer: int
    sequence: int = 0
    written_ms: int = 0
    shards: int
    tenants: tuple[StoredTenant, ...] = ()
    segments: tuple[SegmentMeta, ...] = ()
    deletions: tuple[StoredDeletion, ...] = ()

    @property
    def ulids(self) -> frozenset[str]:
        return frozenset(segment.ulid for segment in self.segments)

    def says_the_same(self, other: "Contents") -> bool:
        """Whether only sequence and time differ."""
        return (
            msgspec.structs.replace(self, sequence=other.sequence, written_ms=other.written_ms)
            == other
        )


def encode(contents: Contents) -> bytes:
    return msgspec.json.encode(contents)


def decode(content: bytes, place: str) -> Contents:
    """Raises FormatError if it is damaged or of another version."""
    try:
        contents = msgspec.json.decode(content, type=Contents)
    except msgspec.DecodeError as error:
        raise FormatError(f"the contents of {place} cannot be read: {error}") from error
    if contents.format != FORMAT_VERSION:
        raise FormatError(
            f"the contents of {place} have format {contents.format}, this program reads "
            f"{FORMAT_VERSION}"
        )
    return contents


def next_contents(
    previous: Contents,
    tenants: Sequence[Tenant],
    live: Sequence[SegmentMeta],
    uploaded: Collection[str],
    deletions: Sequence[Deletion],
) -> Contents:
    """What counts from now on. live: the segments of the catalog, of all shards; uploaded: those of
    them that are whole in the bucket; deletions: those that are pending."""
    segments: list[SegmentMeta] = []
    for shard in range(previous.shards):
        listed = [s for s in previous.segments if s.shard == shard]
        own = [s for s in live if s.shard == shard]
        segments += of_shard(listed, own, uploaded)
    ulids = {segment.ulid for segment in segments}
    gone = ulids - {segment.ulid for segment in live}
    return Contents(
        writer=previous.writer,
        sequence=previous.sequence + 1,
        written_ms=time.time_ns() // 1_000_000,
        shards=previous.shards,
        tenants=tuple(StoredTenant(t.name, t.number, t.shard) for t in tenants),
        segments=tuple(segments),
        deletions=tuple(hidden_in(previous.deletions, deletions, ulids, gone)),
    )


def of_shard(
    listed: Sequence[SegmentMeta], live: Sequence[SegmentMeta], uploaded: Collection[str]
) -> Sequence[SegmentMeta]:
    """The segments of a shard that count. Where some of those listed have been replaced, they stay
    until all that may have taken their place is there."""
    there = [segment for segment in live if segment.ulid in uploaded]
    in_use = {segment.ulid for segment in live}
    only_added = all(segment.ulid in in_use for segment in listed)
    return there if only_added or len(there) == len(live) else listed


def hidden_in(
    before: Sequence[StoredDeletion],
    deletions: Sequence[Deletion],
    listed: Collection[str],
    gone: Collection[str],
) -> list[StoredDeletion]:
    """What is deleted from the listed segments: of those that are gone, what was known last."""
    pending = {each.number: set(each.pending) & set(gone) for each in before}
    known = {each.number: each.deletion for each in before}
    for deletion in deletions:
        known[deletion.number] = deletion
        pending.setdefault(deletion.number, set()).update(deletion.pending & set(listed))
    return [
        StoredDeletion.of(known[number], pending[number])
        for number in sorted(known)
        if pending[number]
    ]


def encode_families(families: Sequence[FamilyMetadata]) -> bytes:
    """The metric families of a shard's tenants."""
    return msgspec.json.encode([(f.tenant, f.family, f.descriptions) for f in families])


def decode_families(content: bytes, place: str) -> list[FamilyMetadata]:
    """Raises FormatError."""
    kind = list[tuple[int, str, tuple[tuple[int, str, str], ...]]]
    try:
        entries = msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise FormatError(f"metric families in {place} cannot be read: {error}") from error
    return [
        FamilyMetadata(tenant, family, tuple(Description(*each) for each in descriptions))
        for tenant, family, descriptions in entries
    ]
