"""The exemplars of a head: columns that are appended to, and settled when they are full.

To settle is to drop repeated exemplars and, of each series and tenant, the oldest beyond the
limits; at least half of the columns is free afterwards. So the cost of an exemplar is constant on
average, and what is kept does not depend on the order in which exemplars came.

Invariants:
* Only the shard's writer appends and settles. Settling replaces the columns, so what was
  snapshotted before stays as it was.
* The log and the sealed segments are what makes exemplars last; a pool is lost with its head.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from storage.kernels.arrays import Bytes, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.memory import reserve
from storage.options import StorageOptions
from storage.reasons import (
    COPY_REF,
    OK,
    SERIES_REFUSED,
    SWITCHED_OFF,
    TENANT_SWITCHED_OFF,
    TOO_FAR_IN_FUTURE,
    TOO_OLD,
)
from storage.samples.exemplar_kernels import RUN_BYTES_MAX
from storage.samples.exemplars import (
    ExemplarLimits,
    Exemplars,
    RawExemplars,
    newest,
    read_exemplars,
)
from storage.series.table import SeriesTable
from storage.tenants.rules import NO_RULES, TenantRules


class PoolColumns:
    """Room for `size` exemplars; the first `count` are there."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self._series: Int64s = reserve(size, np.int64)
        self._timestamps: Int64s = reserve(size, np.int64)
        self._values: Float64s = reserve(size, np.float64)
        self._hashes: UInt64s = reserve(size, np.uint64)
        self._offsets: Int64s = reserve(size + 1, np.int64)
        self._data: Bytes = reserve(size * RUN_BYTES_MAX, np.uint8)

    def append(self, added: Exemplars) -> None:
        first, end = self.count, self.count + len(added)
        at = int(self._offsets[first])
        self._series[first:end] = added.series
        self._timestamps[first:end] = added.timestamps
        self._values[first:end] = added.values
        self._hashes[first:end] = added.hashes
        self._offsets[first + 1 : end + 1] = added.offsets[1:] + at
        self._data[at : at + len(added.data)] = added.data
        self.count = end  # last, because readers go by it

    def view(self) -> Exemplars:
        """What is there now."""
        count = self.count
        return Exemplars(
            self._series[:count],
            self._timestamps[:count],
            self._values[:count],
            self._hashes[:count],
            self._offsets[: count + 1],
            self._data,
        )


class ExemplarPool:
    """The exemplars that came while one head was the active one. Series are refs."""

    def __init__(self, options: StorageOptions, table: SeriesTable) -> None:
        self._table = table
        self._size = options.exemplars_in_head_max
        self._of_tenants: dict[int, int] = {}
        self._limits = ExemplarLimits(
            series_max=options.exemplars_per_series_max,
            tenant_max=options.exemplars_per_tenant_max,
            total_max=options.exemplars_in_head_max,
            of_tenants=self._of_tenants,
        )
        self._columns = PoolColumns(self._size)

    def __len__(self) -> int:
        return self._columns.count

    def view(self) -> Exemplars:
        """What is there now, repeated ones and those beyond limits included."""
        return self._columns.view()

    def settled(self) -> Exemplars:
        """What the limits leave, each exemplar once, in order of arrival."""
        return self._within(self._limits)

    def add(
        self,
        refs: Int32s,
        raw: RawExemplars,
        oldest_ms: int,
        newest_ms: int,
        rules: TenantRules = NO_RULES,
    ) -> Int64s:
        """Take the exemplars of [oldest_ms, newest_ms] with sound labels whose series have a ref;
        returns OK, or why it was refused, for each of the request's. COPY_REF stands for series
        whose exemplars are passed over."""
        if self._limits.tenant_max == 0:
            return np.full(len(raw), SWITCHED_OFF, np.int64)
        if rules.exemplars_max == 0:
            return np.full(len(raw), TENANT_SWITCHED_OFF, np.int64)
        found, codes = read_exemplars(raw)
        refused = (refs < 0) & (refs != COPY_REF)
        codes[(codes == OK) & refused[raw.series]] = SERIES_REFUSED
        codes[(codes == OK) & (raw.timestamps < oldest_ms)] = TOO_OLD
        codes[(codes == OK) & (raw.timestamps > newest_ms)] = TOO_FAR_IN_FUTURE
        series = refs[found.series].astype(np.int64)
        self._note_limit(series[series >= 0][:1], rules.exemplars_max)
        in_time = (found.timestamps >= oldest_ms) & (found.timestamps <= newest_ms)
        for positions in slices(np.flatnonzero((series >= 0) & in_time), self._size // 2):
            part = found if len(positions) == len(found) else found.take(positions)
            self._make_room(len(part))
            self._columns.append(
                Exemplars(
                    series[positions],
                    part.timestamps,
                    part.values,
                    part.hashes,
                    part.offsets,
                    part.data,
                )
            )
        return codes

    def _note_limit(self, series: Int64s, tenant_max: int | None) -> None:
        """Remember the limit of the tenant that the series belong to."""
        for tenant in self._table.tenants[series].tolist():
            if tenant_max is None:
                self._of_tenants.pop(tenant, None)
            else:
                self._of_tenants[tenant] = tenant_max

    def _make_room(self, count: int) -> None:
        if self._columns.count + count > self._size:
            kept = self._within(replace(self._limits, total_max=self._size // 2))
            self._columns = PoolColumns(self._size)
            self._columns.append(kept)

    def _within(self, limits: ExemplarLimits) -> Exemplars:
        held = self._columns.view()
        tenants = self._table.tenants[held.series].astype(np.int64)
        return held.take(newest(held, tenants, limits))


def slices(positions: Int64s, size: int) -> Iterator[Int64s]:
    """The positions, at most `size` at a time."""
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
