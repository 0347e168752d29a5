"""What is deleted, and where: the catalog's part of deletions, and their receipts.

A deletion is asked for once, hides its samples from then on, and is done when no segment is left
that has to be rewritten for it. It names exactly the segments that existed when it was asked for;
what is written later is in others.

Invariants:
* A deletion and the segments it hides samples of are noted in one transaction.
* Where a segment goes, what is pending for it goes, or moves to what takes its place, in the same
  transaction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.catalog.engines.transactions import Transactions
from storage.catalog.schema import deletions, pending_deletions, tenants
from storage.errors import FormatError
from storage.labels.matchers import Matcher

MatcherSets = tuple[tuple[Matcher, ...], ...]

# Deletions of one tenant that are done and still reported.
RECEIPTS_KEPT_MAX = 1_000
# SQLite's default limit of variables in one statement was 999 for long.
ULIDS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class Deletion:
    """Samples that are deleted: of the tenant's series that one of the matcher sets selects, from
    start_ms to end_ms, both inclusive.

    pending: the segments that still hold some, by ULID. series: how many it selected.
    """

    tenant: int
    matcher_sets: MatcherSets
    start_ms: int
    end_ms: int
    created_ms: int
    author: str = ""
    series: int = 0
    number: int = 0
    pending: frozenset[str] = field(default_factory=frozenset)

    @property
    def span(self) -> tuple[int, int]:
        return self.start_ms, self.end_ms

    def moved(self, gone: Iterable[str], successors: Iterable[str]) -> "Deletion":
        """The same after segments were replaced; with no successors their samples are gone."""
        left = self.pending.difference(gone)
        if len(left) < len(self.pending):
            left = left.union(successors)
        return replace(self, pending=left)


@dataclass(frozen=True, slots=True)
class Applied:
    """What the rewriting of one segment did for one deletion. rewritten: whether it held anything
    of it at all."""

    samples: int = 0
    rewritten: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a deletion so far. done_ms: None while segments are left to rewrite."""

    deletion: Deletion
    done_ms: int | None
    samples: int
    segments: int
    segments_pending: int


class DeletionTable:
    """The deletions of a catalog."""

    def __init__(self, transactions: Transactions) -> None:
        """transactions: the catalog's."""
        self._transaction, self._reading = transactions.writing, transactions.reading

    def add(self, deletion: Deletion) -> Deletion:
        """Note a deletion and its pending segments; returns it with its number."""
        row = {
            "tenant": deletion.tenant,
            "matchers": encode_matchers(deletion.matcher_sets),
            "start_ms": deletion.start_ms,
            "end_ms": deletion.end_ms,
            "created_ms": deletion.created_ms,
            "done_ms": None if deletion.pending else deletion.created_ms,
            "author": deletion.author,
            "series": deletion.series,
        }
        with self._transaction() as connection:
            added = insert(deletions).values(row).returning(deletions.c.number)
            number = int(connection.execute(added).scalar_one())
            rows = [{"deletion": number, "ulid": ulid} for ulid in sorted(deletion.pending)]
            if rows:
                connection.execute(insert(pending_deletions), rows)
            forget_old(connection, deletion.tenant)
        return replace(deletion, number=number)

    def pending(self, shard: int) -> list[Deletion]:
        """The deletions of a shard's tenants that are not done, oldest first."""
        of_shard = select(tenants.c.id).where(tenants.c.shard == shard)
        query = select(deletions).where(
            deletions.c.done_ms.is_(None), deletions.c.tenant.in_(of_shard)
        )
        with self._reading() as connection:
            rows = connection.execute(query.order_by(deletions.c.number)).mappings().all()
            left = pending_of(connection, [row["number"] for row in rows])
        return [deletion_of(row, left.get(row["number"], ())) for row in rows]

    def receipts(self, tenant: int) -> list[Receipt]:
        """What became of a tenant's deletions, newest first."""
        query = select(deletions).where(deletions.c.tenant == tenant)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(deletions.c.number.desc())).mappings().all()
            left = pending_of(connection, [row["number"] for row in rows if row["done_ms"] is None])
        return [receipt_of(row, left.get(row["number"], ())) for row in rows]


def replace_pending(
    connection: Connection,
    gone: Sequence[str],
    successors: Sequence[str],
    applied: Mapping[int, Applied],
    *,
    now_ms: int,
) -> None:
    """Follow a replacement of the segments `gone` by `successors`, of which there may be none.

    applied: what was done for deletions by number; what is pending for others moves to the
    successors. Deletions with nothing left are done.
    """
    touched: dict[int, int] = {}
    for part in parts_of(gone):
        rows = pending_deletions.c.ulid.in_(part)
        for (number,) in connection.execute(select(pending_deletions.c.deletion).where(rows)):
            touched[number] = touched.get(number, 0) + 1
        connection.execute(delete(pending_deletions).where(rows))
    moved = [number for number in sorted(touched) if number not in applied]
    rows_moved = [{"deletion": number, "ulid": ulid} for number in moved for ulid in successors]
    if rows_moved:
        connection.execute(insert(pending_deletions), rows_moved)
    for number, done in applied.items():
        counts = {
            "samples": deletions.c.samples + done.samples,
            "segments": deletions.c.segments + (touched.get(number, 0) if done.rewritten else 0),
        }
        connection.execute(update(deletions).where(deletions.c.number == number).values(counts))
    for number in touched:
        left = select(func.count()).where(pending_deletions.c.deletion == number)
        if not connection.scalar(left):
            this = (deletions.c.number == number) & deletions.c.done_ms.is_(None)
            connection.execute(update(deletions).where(this).values(done_ms=now_ms))


def forget_old(connection: Connection, tenant: int, kept: int = RECEIPTS_KEPT_MAX) -> None:
    """Forget a tenant's oldest receipts beyond those that are kept; what is pending stays."""
    done = select(deletions.c.number).where(
        deletions.c.tenant == tenant, deletions.c.done_ms.is_not(None)
    )
    newest = done.order_by(deletions.c.number.desc()).offset(kept).limit(1)
    last = connection.scalar(newest)
    if last is not None:
        old = (deletions.c.tenant == tenant) & deletions.c.done_ms.is_not(None)
        connection.execute(delete(deletions).where(old, deletions.c.number <= last))


def pending_of(connection: Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    """The segments pending for each of these deletions, where there are some."""
    found: dict[int, list[str]] = {}
    for start in range(0, len(numbers), ULIDS_PER_STATEMENT):
        part = numbers[start : start + ULIDS_PER_STATEMENT]
        query = select(pending_deletions.c.deletion, pending_deletions.c.ulid)
        for number, ulid in connection.execute(
            query.where(pending_deletions.c.deletion.in_(part)).order_by(pending_deletions.c.ulid)
        ):
            found.setdefault(number, []).append(ulid)
    return found


def parts_of(ulids: Sequence[str], size: int = ULIDS_PER_STATEMENT) -> list[Sequence[str]]:
    return [ulids[start : start + size] for start in range(0, len(ulids), size)]


def deletion_of(row: Mapping[Any, Any], pending: Iterable[str]) -> Deletion:
    return Deletion(
        row["tenant"],
        decode_matchers(row["matchers"]),
        row["start_ms"],
        row["end_ms"],
        row["created_ms"],
        row["author"],
        row["series"],
        row["number"],
        frozenset(pending),
    )


def receipt_of(row: Mapping[Any, Any], pending: Sequence[str]) -> Receipt:
    return Receipt(
        deletion_of(row, pending), row["done_ms"], row["samples"], row["segments"], len(pending)
    )


def encode_matchers(sets: MatcherSets) -> str:
    """Bytes that are no UTF-8 stay what they are: they are escaped."""
    return json.dumps([[[m.name, m.op, m.value] for m in matchers] for matchers in sets])


def decode_matchers(text: str) -> MatcherSets:
    """Raises FormatError if the text is none of encode_matchers()."""
    try:
        return tuple(tuple(Matcher(*entry) for entry in matchers) for matchers in json.loads(text))
    except (ValueError, TypeError) as error:
        raise FormatError(f"matchers of a deletion in the catalog: {error}") from error
