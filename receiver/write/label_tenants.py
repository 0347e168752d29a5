"""Writes to several tenants in one request: the tenant of a series is the value of a label.

The label is removed, and each tenant gets a body of its own with its series, as if the sender had
sent it: it goes to the log, and everything behind works as ever. Series without the label are the
request's tenant's, and so is what belongs to no series. Bodies are taken apart in Python, which is
slow, but only requests that have the label anywhere are.

Invariants:
* A series is written only if its label names a tenant to which the caller may write. Others are
  refused by reason and cost no other series; only where nothing is left the request is forbidden.
* The answer is that of all parts together. A failure that may pass makes the sender repeat all,
  which changes nothing for the others; a final one is that of its part, whose samples are refused.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import snappy

from receiver.errors import Forbidden, RateLimited, WriteError, status_of
from receiver.wire.decoder import WriteDecoder
from receiver.wire.messages import Field, encode_varint, fields, message_field, read_varint
from receiver.write.handler import WriteDatabase
from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_1_ZSTD,
    KIND_REMOTE_WRITE_2_SNAPPY,
    KIND_REMOTE_WRITE_2_ZSTD,
    NO_POINT,
    Batch,
    Outcome,
    Reject,
)
from storage.errors import StorageError, TenantError
from storage.head.kernels import EXAMPLES_MAX
from storage.kernels.arrays import Int64s
from storage.refusals.samples import label_text, series_example
from storage.tenants.tenant import parse_tenant

TENANTS_MAX = 1_000
# Why a series is refused for the tenant that its label names, and what is said of it.
INVALID, FORBIDDEN, TOO_MANY = "tenant_invalid", "tenant_forbidden", "too_many_tenants"
REASONS = {
    INVALID: "a label value that names no tenant; allowed are 1 to 150 of 0-9A-Za-z!-_.*'()",
    FORBIDDEN: "a label value that names a tenant to which the sender may not write",
    TOO_MANY: "a tenant above the {tenants_max} that one request may name",
}
# Numbers of fields: of the messages of 1.0 and 2.0, of a series in both, of a label in 1.0.
SERIES_1, SYMBOLS_2, SERIES_2, LABELS, NAME, VALUE = 1, 4, 5, 1, 1, 2


class LabelTenants:
    """A database that splits batches before another one. allows: whether the caller of the request
    under way may write to a tenant; splits: whether their label counts at all; count: called for
    each refusal of series for their tenant; tenants_max: that one request may name."""

    def __init__(
        self,
        database: WriteDatabase,
        decoder: WriteDecoder,
        label: str,
        *,
        allows: Callable[[str], bool],
        splits: Callable[[], bool] = lambda: True,
        count: Callable[[Reject], None] = lambda reject: None,
        tenants_max: int = TENANTS_MAX,
    ) -> None:
        self._tenants_max = tenants_max
        self._database = database
        self._decoder = decoder
        self._label = label
        self._allows = allows
        self._splits = splits
        self._count = count

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Database.append, to several tenants. Raises Forbidden too."""
        body, label = batch.buffer.tobytes(), self._label.encode()
        if label not in body or not self._splits():
            return await self._database.append(tenant, batch, arrival_ms)
        splitter, kind = SPLITTERS[batch.kind]
        try:
            parts = Parts(tenant, self._tenants_max)
            await asyncio.to_thread(splitter, body, label, parts)
            refused = self._refused(parts, batch, tenant)
        except (WriteError, StorageError):
            batch.release()
            raise
        bodies = parts.bodies()
        if not refused.rejects and list(bodies) == [tenant] and bodies[tenant] == body:
            return await self._database.append(tenant, batch, arrival_ms)  # it is but a text there
        columns = {name: columns_of(batch, parts.series.get(name, ())) for name in bodies}
        batch.release()
        writes = [
            self._append(name, Part(content, kind, columns[name]), arrival_ms)
            for name, content in bodies.items()
        ]
        return together([refused, *await asyncio.gather(*writes, return_exceptions=True)])

    def _refused(self, parts: "Parts", batch: Batch, own: str) -> Outcome:
        """What is refused for the tenant that its label names; the parts lose what is for foreign
        ones. Raises Forbidden if nothing is left."""
        for name in [name for name in parts.contents if name != own and not self._allows(name)]:
            parts.refuse(name, FORBIDDEN)
        if not parts.contents and FORBIDDEN in parts.refused:
            raise Forbidden(f"no right to a tenant that the samples name by {self._label}")
        lost = [columns_of(batch, series) for series in parts.refused.values()]
        rejects = tuple(
            Reject(
                reason,
                columns.samples,
                f"series refused: {self._reason(reason)}; first: {label_text(batch, series[0])}",
                tuple(series_example(batch, k) for k in series[:EXAMPLES_MAX]),
            )
            for (reason, series), columns in zip(parts.refused.items(), lost, strict=True)
        )
        for reject in rejects:
            self._count(reject)
        return Outcome(0, rejects, refused_points=sum(columns.distinct for columns in lost))

    def _reason(self, reason: str) -> str:
        text = REASONS[reason].format(tenants_max=self._tenants_max)
        return f"{text} (tenant.label={self._label})"

    async def _append(self, tenant: str, part: "Part", arrival_ms: int) -> "Outcome | Failed":
        """The outcome of a part, or why it has none."""
        batch = self._decoder.decode(part.kind, snappy.compress(part.body))
        batch.points = part.columns.points
        try:
            return await self._database.append(tenant, batch, arrival_ms)
        except (WriteError, StorageError) as error:
            return Failed(error, part.columns)


@dataclass(frozen=True, slots=True)
class Columns:
    """Of some series of a batch: how many samples they have, the data points of these if the batch
    has any, and how many different ones."""

    samples: int
    points: Int64s | None = None
    distinct: int = 0


def columns_of(batch: Batch, series: Sequence[int]) -> Columns:
    """Those of series by their numbers, which ascend."""
    offsets = batch.sample_offsets
    chosen = np.array(series, np.int64)
    lengths = offsets[chosen + 1] - offsets[chosen]
    if batch.points is None:
        return Columns(int(lengths.sum()))
    runs = [batch.points[offsets[k] : offsets[k + 1]] for k in series]
    points = np.concatenate([np.empty(0, np.int64), *runs])
    distinct = np.unique(points[points != NO_POINT])
    return Columns(int(lengths.sum()), points, len(distinct))


@dataclass(frozen=True, slots=True)
class Part:
    """What goes to one tenant."""

    body: bytes
    kind: int
    columns: Columns


@dataclass(frozen=True, slots=True)
class Failed:
    """A part of which nothing was kept."""

    error: WriteError | StorageError
    columns: Columns

    @property
    def is_final(self) -> bool:
        """Whether the same would fail again."""
        return status_of(self.error) < 500 and not isinstance(self.error, RateLimited)

    def outcome(self) -> Outcome:
        reject = Reject(self.error.reason, self.columns.samples, str(self.error))
        return Outcome(0, (reject,), refused_points=self.columns.distinct)


def together(results: Sequence[Outcome | Failed | BaseException]) -> Outcome:
    """The outcome of all parts. Raises the failure of one if it may pass, or if all have failed:
    what may pass first, since a sender does not repeat what it takes for wrong."""
    for result in results:
        if isinstance(result, BaseException):
            raise result
    failures = [result for result in results if isinstance(result, Failed)]
    has_kept = any(isinstance(result, Outcome) and result.accepted for result in results)
    if failures and not (has_kept and all(failure.is_final for failure in failures)):
        raise max((failure.error for failure in failures), key=status_of)
    outcomes = [
        result.outcome() if isinstance(result, Failed) else result
        for result in results
        if isinstance(result, Failed | Outcome)
    ]
    values = {
        part.name: [getattr(outcome, part.name) for outcome in outcomes]
        for part in dataclass_fields(Outcome)
    }
    sums: dict[str, Any] = {
        name: merged(found) if isinstance(found[0], tuple) else sum(found)
        for name, found in values.items()
    }
    return Outcome(**sums)


def merged(parts: Sequence[tuple[Reject, ...]]) -> tuple[Reject, ...]:
    """One reject for each reason, with the example of the first."""
    rejects: dict[str, Reject] = {}
    for reject in (reject for part in parts for reject in part):
        known = rejects.get(reject.reason)
        more = replace(known, count=known.count + reject.count) if known else reject
        rejects[reject.reason] = more
    return tuple(rejects.values())


class Parts:
    """The bodies that are put together, and what cannot be in one.

    head: what all begin with; contents, series: the fields of each tenant, and the numbers of its
    series; refused: those of series that are refused, by reason.
    """

    def __init__(self, fallback: str, tenants_max: int) -> None:
        self._names: dict[bytes, str] = {b"": fallback}
        self._tenants_max = tenants_max
        self.head = b""
        self._count = 0
        self.contents: dict[str, list[bytes]] = {}
        self.series: dict[str, list[int]] = {}
        self.refused: dict[str, list[int]] = {}

    def add_series(self, value: bytes, content: bytes) -> None:
        """Add the next series to the body of the tenant that a label value names; b"" names none.
        One that names none that can be is refused."""
        number, self._count = self._count, self._count + 1
        try:
            tenant = self._tenant(value)
        except TenantError:
            self.refused.setdefault(INVALID, []).append(number)
            return
        if tenant not in self.contents and len(self.contents) >= self._tenants_max:
            self.refused.setdefault(TOO_MANY, []).append(number)
            return
        self.contents.setdefault(tenant, []).append(content)
        self.series.setdefault(tenant, []).append(number)

    def add(self, content: bytes) -> None:
        """Add a field that belongs to no series."""
        self.contents.setdefault(self._names[b""], []).append(content)

    def refuse(self, tenant: str, reason: str) -> None:
        """Refuse all series of a tenant."""
        del self.contents[tenant]
        self.refused.setdefault(reason, []).extend(self.series.pop(tenant, []))

    def bodies(self) -> dict[str, bytes]:
        return {tenant: b"".join((self.head, *found)) for tenant, found in self.contents.items()}

    def _tenant(self, value: bytes) -> str:
        """Raises TenantError for one that cannot be."""
        tenant = self._names.get(value)
        if tenant is None:
            tenant = self._names[value] = parse_tenant(value.decode("utf-8", "replace"))
        return tenant


def split_v1(body: bytes, label: bytes, parts: Parts) -> None:
    """Put together the bodies of a remote write 1.0 request by tenant, each without the label.
    Raises CorruptBody."""
    for field in fields(body, 0, len(body)):
        content = body[field.start : field.end]
        if field.number != SERIES_1:
            parts.add(content)
            continue
        value, kept = without_label(body, field, label)
        parts.add_series(value, message_field(SERIES_1, kept) if value else content)


def split_v2(body: bytes, label: bytes, parts: Parts) -> None:
    """The same for remote write 2.0. Every part keeps all symbols, so that references hold."""
    symbols, head = [], []
    for field in fields(body, 0, len(body)):
        if field.number == SYMBOLS_2:
            symbols.append(body[field.first : field.end])
            head.append(body[field.start : field.end])
    parts.head = b"".join(head)
    for field in fields(body, 0, len(body)):
        if field.number == SERIES_2:
            content = body[field.start : field.end]
            value, kept = without_reference(body, field, label, symbols)
            parts.add_series(value, message_field(SERIES_2, kept) if value else content)


# How bodies of a kind are split, and the kind of the parts once they are compressed.
Splitter = Callable[[bytes, bytes, Parts], None]
SPLITTERS: dict[int, tuple[Splitter, int]] = {
    KIND_REMOTE_WRITE_1_SNAPPY: (split_v1, KIND_REMOTE_WRITE_1_SNAPPY),
    KIND_REMOTE_WRITE_1_ZSTD: (split_v1, KIND_REMOTE_WRITE_1_SNAPPY),
    KIND_REMOTE_WRITE_2_SNAPPY: (split_v2, KIND_REMOTE_WRITE_2_SNAPPY),
    KIND_REMOTE_WRITE_2_ZSTD: (split_v2, KIND_REMOTE_WRITE_2_SNAPPY),
}


def without_label(body: bytes, series: Field, label: bytes) -> tuple[bytes, bytes]:
    """The value of a label of a series, and the series' message without it."""
    value, kept, copied = b"", [], series.first
    for field in fields(body, series.first, series.end):
        if field.number != LABELS:
            continue
        pair = {NAME: b"", VALUE: b""}
        for inner in fields(body, field.first, field.end):
            pair[inner.number] = body[inner.first : inner.end]
        if pair[NAME] == label:
            value = pair[VALUE]
            kept.append(body[copied : field.start])
            copied = field.end
    return value, b"".join((*kept, body[copied : series.end]))


def without_reference(
    body: bytes, series: Field, label: bytes, symbols: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The same for a series whose labels are references; one with bad references has no value:
    storage refuses it."""
    references: list[int] = []
    kept = []
    for field in fields(body, series.first, series.end):
        if field.number != LABELS:
            kept.append(body[field.start : field.end])
        elif field.wire_type == 0:
            references.append(read_varint(body, field.first, field.end)[0])
        else:
            at = field.first
            while at < field.end:
                reference, at = read_varint(body, at, field.end)
                references.append(reference)
    if len(references) % 2 or max(references, default=0) >= len(symbols):
        return b"", b""
    value, others = b"", []
    for name, text in zip(references[::2], references[1::2], strict=True):
        if symbols[name] == label:
            value = symbols[text]
        else:
            others += [name, text]
    packed = b"".join(map(encode_varint, others))
    return value, b"".join((message_field(LABELS, packed), *kept))
