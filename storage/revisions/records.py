"""The records of a shard's tenants: of those whose answers are kept somewhere, and of no others.

A tenant without a record pays nothing when it writes. There are so many records at most; the one
that no one asked for longest goes first, and what was kept by it counts as changed.
"""

from collections import OrderedDict

from storage.kernels.arrays import Int64s
from storage.revisions.record import Record
from storage.revisions.rings import Span

# A record takes a quarter of a megabyte.
RECORDS_MAX = 64


class Records:
    """By number of the tenant. Under the shard's lock."""

    def __init__(self, records_max: int = RECORDS_MAX) -> None:
        self._records_max = records_max
        self._records: OrderedDict[int, Record] = OrderedDict()

    def of(self, tenant: int, now_ms: int) -> Record:
        """The record of a tenant, begun now if there is none."""
        record = self._records.get(tenant)
        if record is None:
            record = self._records[tenant] = Record(now_ms)
            if len(self._records) > self._records_max:
                self._records.popitem(last=False)
        self._records.move_to_end(tenant)
        return record

    def is_kept(self, tenant: int, record: Record) -> bool:
        """Whether a record still learns of changes."""
        return self._records.get(tenant) is record

    def note_samples(self, tenant: int, timestamps: Int64s, span: Span, now_ms: int) -> None:
        """A tenant has written samples of these times, as far as the times are in the span."""
        record = self._records.get(tenant)
        if record is not None:
            record.note_samples(timestamps, span, now_ms)

    def note_deletion(self, tenant: int, span: Span, reason: str) -> None:
        """Something of one tenant is not seen any more."""
        record = self._records.get(tenant)
        if record is not None:
            record.note_span(span, reason)

    def note_span(self, span: Span, reason: str) -> None:
        """Something changed what is seen of a stretch of time, of any tenant."""
        for record in self._records.values():
            record.note_span(span, reason)

    def note_all(self, reason: str) -> None:
        """Something may have changed what is seen of any time, of any tenant."""
        for record in self._records.values():
            record.note_all(reason)
