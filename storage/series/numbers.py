"""The numbers of a shard's series: 64-bit ids that are stable across head, segments and restarts.

They are ordered: tenant, then metric name, then order of registration, so that one metric of one
tenant is one contiguous range of ids.

    series id = tenant (16 bits) | metric (20 bits) | number within the metric (27 bits)

Invariants:
* A number is not given again while a series has it.
* A metric whose numbers are used up goes on with another number of its own.
"""

import numpy as np

from storage.kernels.arrays import Int32s, Int64s

TENANT_BITS, METRIC_BITS, NUMBER_BITS = 16, 20, 27
TENANT_SHIFT = METRIC_BITS + NUMBER_BITS
METRICS_MAX = 1 << METRIC_BITS
NUMBERS_MAX = 1 << NUMBER_BITS


class SeriesNumbers:
    """Gives numbers. Metric names are codes of the series table's symbols."""

    def __init__(self) -> None:
        self._metrics: dict[tuple[int, int], list[int]] = {}  # (tenant, name) -> [metric, next]
        self._counts: dict[int, int] = {}  # metric numbers that a tenant has used
        self._free: dict[int, list[int]] = {}  # those of them that no series has any more

    def knows(self, tenant: int, code: int) -> bool:
        """Whether the metric name has a number."""
        return (tenant, code) in self._metrics

    def spare(self, tenant: int) -> int:
        """How many more metric names a tenant may have."""
        return METRICS_MAX - self._counts.get(tenant, 0) + len(self._free.get(tenant, ()))

    def give(self, tenant: int, names: Int32s) -> Int64s:
        """The ids of new series of a tenant, by the codes of their metric names."""
        codes, groups = np.unique(names, return_inverse=True)
        counts = np.bincount(groups, minlength=len(codes))
        bases = np.empty(len(codes), np.int64)
        for k, (code, count) in enumerate(zip(codes.tolist(), counts.tolist(), strict=True)):
            metric = self._metric(tenant, code, count)
            bases[k] = (tenant << TENANT_SHIFT) | (metric[0] << NUMBER_BITS) | metric[1]
            metric[1] += count
        # Stable, so that within a metric the numbers follow the order of registration.
        order = np.argsort(groups, kind="stable")
        numbers = np.empty(len(groups), np.int64)
        numbers[order] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
        ids: Int64s = bases[groups] + numbers
        return ids

    def restore(self, tenant: int, ids: Int64s, names: Int32s) -> None:
        """Let numbering go on after the ids of series that have theirs; names: codes."""
        if not len(ids):
            return
        metrics = (ids >> NUMBER_BITS) & (METRICS_MAX - 1)
        numbers = ids & (NUMBERS_MAX - 1)
        order = np.lexsort((numbers, names))
        last = np.flatnonzero(np.append(np.diff(names[order]) != 0, True))
        for position in order[last].tolist():
            key = (tenant, int(names[position]))
            metric = self._metrics.setdefault(key, [int(metrics[position]), 0])
            metric[1] = max(metric[1], int(numbers[position]) + 1)
        self._counts[tenant] = max(self._counts.get(tenant, 0), int(metrics.max()) + 1)

    def renewed(self, new_codes: Int32s, ids: Int64s, names: Int32s) -> "SeriesNumbers":
        """The numbers where only some series are left: these ids, with these names by new codes.
        new_codes: of the codes that counted before, -1 for those that are gone."""
        owners = np.unique((ids >> TENANT_SHIFT << 32) | names)
        left = set(zip((owners >> 32).tolist(), (owners & 0xFFFFFFFF).tolist(), strict=True))
        fresh = SeriesNumbers()
        fresh._counts = dict(self._counts)
        for (tenant, code), metric in self._metrics.items():
            key = (tenant, int(new_codes[code]))
            if key in left:
                fresh._metrics[key] = list(metric)
        used = np.unique(ids >> NUMBER_BITS)
        for tenant, count in fresh._counts.items():
            taken = used[used >> METRIC_BITS == tenant] & (METRICS_MAX - 1)
            going_on = [m[0] for (owner, _), m in fresh._metrics.items() if owner == tenant]
            free = np.setdiff1d(np.arange(count), np.concatenate([taken, going_on]))
            fresh._free[tenant] = free.astype(int).tolist()
        return fresh

    def _metric(self, tenant: int, code: int, count: int) -> list[int]:
        """[metric number, next series number] of a metric name that so many series are added to."""
        metric = self._metrics.get((tenant, code))
        if metric is None or metric[1] + count > NUMBERS_MAX:
            metric = self._metrics[(tenant, code)] = [self._new_metric(tenant), 0]
        return metric

    def _new_metric(self, tenant: int) -> int:
        free = self._free.get(tenant)
        if free:
            return free.pop()
        number = self._counts.get(tenant, 0)
        assert number < METRICS_MAX, f"BUG: metric {number} of tenant {tenant}"
        self._counts[tenant] = number + 1
        return number
