"""Exemplars as columns: single observations with labels of their own, such as a trace id.

An exemplar is known by its series, time, value and labels; one that is given twice is one. There is
no order in which they have to come.

Labels are checked when exemplars are taken from a request, and kept as runs of bytes
(storage/samples/exemplar_kernels.py).
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Float64s, Int8s, Int64s, UInt64s
from storage.kernels.hashing import random_key
from storage.labels.wire import count_labels_of
from storage.reasons import EXEMPLAR_TOO_LONG, LABELS_INVALID
from storage.samples.exemplar_kernels import (
    EXEMPLAR_RUNES_MAX,
    HEADER_BYTES,
    OK,
    read_exemplar_labels,
    take_runs,
    write_runs,
)

# One key for the whole process, so that runs of all heads compare by their hashes.
HASH_KEY = random_key()

# Odd, so that nothing is lost.
MIX_FACTORS = tuple(
    np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93)
)

# The labels of one exemplar, sorted by name.
ExemplarLabels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RawExemplars:
    """The exemplars of a request, in the order of their series.

    series: the number of each one's series in the batch. Their labels are runs of protobuf Label
    fields, buffer[label_start[i]:label_end[i]], which were not looked into; a run may be empty.
    reasons: int8, 0 or why the decoder could not make them (storage.reasons).
    """

    series: Int64s
    timestamps: Int64s
    values: Float64s
    buffer: Bytes
    label_start: Int64s
    label_end: Int64s
    reasons: Int8s | None = None

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True, slots=True)
class Exemplars:
    """n exemplars. series: refs, ids or rows, as the context says; the labels of exemplar i are
    the run data[offsets[i]:offsets[i+1]], hashes tells label sets apart."""

    series: Int64s
    timestamps: Int64s
    values: Float64s
    hashes: UInt64s
    offsets: Int64s
    data: Bytes

    def __len__(self) -> int:
        return len(self.series)

    def take(self, positions: Int64s) -> "Exemplars":
        """The exemplars at these positions, in their order."""
        sizes = np.diff(self.offsets)[positions]
        offsets = np.zeros(len(positions) + 1, np.int64)
        data = np.empty(int(sizes.sum()), np.uint8)
        take_runs(self.offsets, self.data, positions, offsets, data)
        return Exemplars(
            self.series[positions],
            self.timestamps[positions],
            self.values[positions],
            self.hashes[positions],
            offsets,
            data,
        )

    def labels(self, position: int) -> ExemplarLabels:
        """The labels of one exemplar."""
        start, end = self.offsets[position : position + 2].tolist()
        return parse_run(self.data[start:end].tobytes())


def parse_run(run: bytes) -> ExemplarLabels:
    pairs = []
    at = 0
    while at < len(run):
        name_length = int.from_bytes(run[at : at + 2], "little")
        value_length = int.from_bytes(run[at + 2 : at + HEADER_BYTES], "little")
        value_start = at + HEADER_BYTES + name_length
        name = run[at + HEADER_BYTES : value_start].decode()
        at = value_start + value_length
        pairs.append((name, run[value_start:at].decode()))
    return tuple(pairs)


def no_exemplars() -> Exemplars:
    none = np.zeros(0, np.int64)
    bits = none.view(np.uint64)
    return Exemplars(
        none, none, none.view(np.float64), bits, np.zeros(1, np.int64), np.zeros(0, np.uint8)
    )


def read_exemplars(raw: RawExemplars) -> tuple[Exemplars, Int64s]:
    """The exemplars of a request whose labels are sound, and a code for each of the request's:
    OK, a reason of the decoder, EXEMPLAR_TOO_LONG or LABELS_INVALID. Their series are numbers in
    the batch."""
    counts = np.empty(len(raw), np.int64)
    every = np.arange(len(raw), dtype=np.int64)
    count_labels_of(raw.buffer, raw.label_start, raw.label_end, every, counts)
    codes = np.full(len(raw), OK, np.int64)
    codes[counts > EXEMPLAR_RUNES_MAX] = EXEMPLAR_TOO_LONG  # every label has a character
    codes[counts < 0] = LABELS_INVALID
    if raw.reasons is not None:
        codes = np.where(raw.reasons == OK, codes, raw.reasons)
    spans = np.empty((int(counts[codes == OK].sum()), 4), np.int64)
    used = read_exemplar_labels(raw.buffer, raw.label_start, raw.label_end, counts, spans, codes)
    spans = spans[:used]
    sound = np.flatnonzero(codes == OK)
    offsets = np.empty(len(sound) + 1, np.int64)
    data = np.empty(HEADER_BYTES * used + int(spans[:, 1::2].sum()), np.uint8)
    hashes = np.empty(len(sound), np.uint64)
    write_runs(raw.buffer, spans, counts[sound], HASH_KEY, offsets, data, hashes)
    found = Exemplars(
        raw.series[sound], raw.timestamps[sound], raw.values[sound], hashes, offsets, data
    )
    return found, codes


@dataclass(frozen=True, slots=True)
class ExemplarLimits:
    """How many exemplars are kept: of one series, of one tenant, and of all together.

    of_tenants: what some tenants (by number) may keep, if that is less than tenant_max.
    """

    series_max: int
    tenant_max: int
    total_max: int
    of_tenants: Mapping[int, int] = field(default_factory=dict)


def distinct(exemplars: Exemplars) -> Int64s:
    """The positions of the distinct exemplars, ascending.

    Sorted by one number that all of an exemplar is mixed into, equal ones are neighbours. Where
    different ones share a number, a repeated one may be left over, which is harmless.
    """
    bits = exemplars.values.view(np.uint64)
    columns = (exemplars.hashes, bits, exemplars.timestamps, exemplars.series)
    mixed = exemplars.hashes.copy()
    for column, factor in zip(columns[1:], MIX_FACTORS, strict=True):
        mixed ^= column.view(np.uint64) * factor
    order = np.argsort(mixed)
    repeated = np.zeros(len(order), np.bool_)
    if len(order):
        repeated[1:] = np.logical_and.reduce(
            [column[order[1:]] == column[order[:-1]] for column in columns], axis=0
        )
    return np.sort(order[~repeated])


def newest(exemplars: Exemplars, tenants: Int64s, limits: ExemplarLimits) -> Int64s:
    """The positions, ascending, of the distinct exemplars that the limits leave, the newest by
    time.

    tenants: the tenant of each exemplar. Where all tenants together have more than is kept, the
    share of the largest is cut first, so that no tenant pushes out those of another.
    """
    times = exemplars.timestamps
    kept = distinct(exemplars)
    kept = kept[newest_of_groups(exemplars.series[kept], times[kept], limits.series_max)]
    found, counts = np.unique(tenants[kept], return_counts=True)
    own = [limits.of_tenants.get(tenant, limits.tenant_max) for tenant in found.tolist()]
    allowed = np.minimum(np.array(own, np.int64), limits.tenant_max)
    share = largest_share(np.minimum(counts, allowed), limits)
    return kept[newest_of_groups(tenants[kept], times[kept], np.minimum(allowed, share))]


def newest_of_groups(groups: Int64s, times: Int64s, most: int | Int64s) -> Bools:
    """Which elements stay if each group keeps its newest ones only; most: so many of each, or one
    number for each group, ascending by group."""
    _, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    allowed = np.broadcast_to(most, counts.shape)
    stays = np.ones(len(groups), np.bool_)
    crowded = np.flatnonzero((counts > allowed)[numbers])
    order = crowded[np.lexsort((times[crowded], numbers[crowded]))]
    stays[order[rank_from_end(numbers[order]) >= allowed[numbers[order]]]] = False
    return stays


def largest_share(counts: Int64s, limits: ExemplarLimits) -> int:
    """What each tenant may keep at most, so that all keep no more than the total; counts: what
    each of them has."""
    shares = range(limits.tenant_max + 1)
    fitting = bisect_right(shares, limits.total_max, key=lambda s: int(np.minimum(counts, s).sum()))
    return fitting - 1


def rank_from_end(groups: Int64s) -> Int64s:
    """How many equal ones follow each element of a sorted column."""
    ends = np.searchsorted(groups, groups, side="right")
    return ends - np.arange(len(groups)) - 1
