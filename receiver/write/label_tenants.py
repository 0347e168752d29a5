"""Writes to several tenants in one request: the tenant of a series is the value of a label.

The label is removed, and each tenant gets a body of its own with its series, as if the sender had
sent it: it goes to the log, and everything behind works as ever. Series without the label are the
request's tenant's, and so is what belongs to no series. Bodies are taken apart in Python, which is
slow, but only requests that have the label anywhere are.

Invariants:
* No part is written unless the caller may write to the tenants of all parts.
* The answer is that of all parts together; one that may succeed later makes the sender repeat all,
  which changes nothing for the others.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

import snappy

from receiver.errors import Forbidden, WriteError, status_of
from receiver.wire.decoder import WriteDecoder
from receiver.wire.messages import Field, encode_varint, fields, message_field, read_varint
from receiver.write.handler import WriteDatabase
from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_1_ZSTD,
    KIND_REMOTE_WRITE_2_SNAPPY,
    KIND_REMOTE_WRITE_2_ZSTD,
    Batch,
    Outcome,
    Reject,
)
from storage.errors import StorageError, TenantError
from storage.tenants.tenant import parse_tenant

TENANTS_MAX = 1_000
# Numbers of fields: of the messages of 1.0 and 2.0, of a series in both, of a label in 1.0.
SERIES_1, SYMBOLS_2, SERIES_2, LABELS, NAME, VALUE = 1, 4, 5, 1, 1, 2


class LabelTenants:
    """A database that splits batches before another one. allows: whether the caller of the request
    under way may write to a tenant; splits: whether their label counts at all."""

    def __init__(
        self,
        database: WriteDatabase,
        decoder: WriteDecoder,
        label: str,
        *,
        allows: Callable[[str], bool],
        splits: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._decoder = decoder
        self._label = label.encode()
        self._allows = allows
        self._splits = splits

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Database.append, to several tenants. Raises Forbidden and TenantError too."""
        body = batch.buffer.tobytes()
        if self._label not in body or not self._splits():
            return await self._database.append(tenant, batch, arrival_ms)
        splitter, kind = SPLITTERS[batch.kind]
        try:
            bodies = await asyncio.to_thread(splitter, body, self._label, tenant)
            for name in bodies:
                if name != tenant and not self._allows(name):
                    raise Forbidden("no right to a tenant that the samples name")
        except (WriteError, StorageError):
            batch.release()
            raise
        if list(bodies) == [tenant] and bodies[tenant] == body:  # the label is but a text in it
            return await self._database.append(tenant, batch, arrival_ms)
        batch.release()
        parts = [self._append(name, part, kind, arrival_ms) for name, part in bodies.items()]
        return together(await asyncio.gather(*parts, return_exceptions=True))

    async def _append(self, tenant: str, body: bytes, kind: int, arrival_ms: int) -> Outcome:
        part = self._decoder.decode(kind, snappy.compress(body))
        return await self._database.append(tenant, part, arrival_ms)


def together(results: list[Outcome | BaseException]) -> Outcome:
    """The outcome of all parts. Raises the failure of one: what may succeed later first, since a
    sender does not repeat what is told to be wrong."""
    failures = [result for result in results if isinstance(result, WriteError | StorageError)]
    for result in results:
        if isinstance(result, BaseException) and result not in failures:
            raise result
    if failures:
        raise max(failures, key=status_of)
    outcomes = [result for result in results if isinstance(result, Outcome)]
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
    """The bodies that are put together. Raises TenantError if they become too many."""

    def __init__(self, fallback: str) -> None:
        self._names: dict[bytes, str] = {b"": fallback}
        self.contents: dict[str, list[bytes]] = {}

    def add(self, value: bytes, content: bytes) -> None:
        """Add a field to the body of the tenant that a label value names; b"" names none."""
        tenant = self._names.get(value)
        if tenant is None:
            tenant = self._names[value] = parse_tenant(value.decode("utf-8", "replace"))
        self.contents.setdefault(tenant, []).append(content)
        if len(self.contents) > TENANTS_MAX:
            raise TenantError(f"over {TENANTS_MAX} tenants in one request (TENANTS_MAX)")

    def bodies(self, head: bytes = b"") -> dict[str, bytes]:
        return {tenant: b"".join((head, *found)) for tenant, found in self.contents.items()}


def split_1(body: bytes, label: bytes, fallback: str) -> Mapping[str, bytes]:
    """The bodies of a remote write 1.0 request by tenant, each without the label.

    Raises CorruptBody, or TenantError for a value that names no tenant.
    """
    parts = Parts(fallback)
    for field in fields(body, 0, len(body)):
        value, content = b"", body[field.start : field.end]
        if field.number == SERIES_1:
            value, kept = without_label(body, field, label)
            content = message_field(SERIES_1, kept) if value else content
        parts.add(value, content)
    return parts.bodies()


def split_2(body: bytes, label: bytes, fallback: str) -> Mapping[str, bytes]:
    """The same for remote write 2.0. Every part keeps all symbols, so that references hold."""
    parts, symbols, head = Parts(fallback), [], []
    for field in fields(body, 0, len(body)):
        if field.number == SYMBOLS_2:
            symbols.append(body[field.first : field.end])
            head.append(body[field.start : field.end])
    for field in fields(body, 0, len(body)):
        if field.number == SERIES_2:
            value, kept = without_reference(body, field, label, symbols)
            parts.add(
                value, message_field(SERIES_2, kept) if value else body[field.start : field.end]
            )
    return parts.bodies(b"".join(head))


# How bodies of a kind are split, and the kind of the parts once they are compressed.
Splitter = Callable[[bytes, bytes, str], Mapping[str, bytes]]
SPLITTERS: dict[int, tuple[Splitter, int]] = {
    KIND_REMOTE_WRITE_1_SNAPPY: (split_1, KIND_REMOTE_WRITE_1_SNAPPY),
    KIND_REMOTE_WRITE_1_ZSTD: (split_1, KIND_REMOTE_WRITE_1_SNAPPY),
    KIND_REMOTE_WRITE_2_SNAPPY: (split_2, KIND_REMOTE_WRITE_2_SNAPPY),
    KIND_REMOTE_WRITE_2_ZSTD: (split_2, KIND_REMOTE_WRITE_2_SNAPPY),
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
