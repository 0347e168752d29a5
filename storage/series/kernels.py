"""Kernels of the series table: find series by raw label bytes, read labels, find by label set.

Two open-addressing tables lead to a series number (`ref`). The raw table maps the keyed 128-bit
hash of label bytes as they came, tenant mixed in; it is a cache and may be emptied at any time. The
label table maps the sorted label pairs; it compares them in full and is the truth.
"""

import numpy as np

from storage.kernels.arrays import Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.series.hash_cache import TENANT_MIX_LOW


@kernel_part
def hash_pairs(tenant: int, names: Int32s, values: Int32s, start: int, end: int) -> np.uint64:
    """A hash of label pairs. Not keyed: codes are given out by us, not chosen by senders."""
    h = np.uint64(tenant) * TENANT_MIX_LOW
    for k in range(start, end):
        pair = (np.uint64(names[k]) << np.uint64(32)) | np.uint64(np.uint32(values[k]))
        h = (h ^ pair) * np.uint64(0xD6E8FEB86659FD93)
        h ^= h >> np.uint64(32)
    return h


@kernel
def find_or_add_labelsets(
    tenant: int,
    new_offsets: Int64s,
    new_names: Int32s,
    new_values: Int32s,
    slots: Int32s,
    hashes: UInt64s,
    tenants: Int32s,
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    state: Int64s,
    refs: Int32s,
    new_max: int,
    refused: int,
) -> None:
    """refs[i] = the series with label pairs i; unknown label sets become new series, the first
    new_max of them, and `refused` after that.

    state[0]: number of series. The caller has made room for all of them.
    """
    mask = np.int64(len(slots) - 1)
    for i in range(len(new_offsets) - 1):
        begin = new_offsets[i]
        size = new_offsets[i + 1] - begin
        h = hash_pairs(tenant, new_names, new_values, begin, begin + size)
        slot = np.int64(h) & mask
        found = -1
        while slots[slot] != 0:
            ref = slots[slot] - 1
            at = offsets[ref]
            if hashes[ref] == h and tenants[ref] == tenant and offsets[ref + 1] - at == size:
                same = True
                for k in range(size):
                    if names[at + k] != new_names[begin + k] or (
                        values[at + k] != new_values[begin + k]
                    ):
                        same = False
                        break
                if same:
                    found = ref
                    break
            slot = (slot + 1) & mask
        if found < 0 and new_max <= 0:
            refs[i] = refused
            continue
        if found < 0:
            new_max -= 1
            found = state[0]
            at = offsets[found]
            for k in range(size):
                names[at + k] = new_names[begin + k]
                values[at + k] = new_values[begin + k]
            offsets[found + 1] = at + size
            tenants[found] = tenant
            hashes[found] = h
            slots[slot] = found + 1
            state[0] += 1
        refs[i] = found


@kernel
def enter_labelsets(
    tenants: Int32s,
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    count: int,
    slots: Int32s,
    hashes: UInt64s,
) -> None:
    """Enter series 0..count-1, which all differ, into an empty table of ref + 1."""
    mask = np.int64(len(slots) - 1)
    for ref in range(count):
        h = hash_pairs(tenants[ref], names, values, offsets[ref], offsets[ref + 1])
        hashes[ref] = h
        slot = np.int64(h) & mask
        while slots[slot] != 0:
            slot = (slot + 1) & mask
        slots[slot] = ref + 1
