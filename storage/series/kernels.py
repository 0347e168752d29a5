"""Kernels of the series table: find series by raw label bytes, read labels, find by label set.

Two open-addressing tables lead to a series number (`ref`). The raw table maps the keyed 128-bit
hash of label bytes as they came, tenant mixed in; it is a cache and may be emptied at any time. The
label table maps the sorted label pairs; it compares them in full and is the truth.
"""

import numpy as np

from storage.batch import Bytes, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import LENGTH, WRONG_WIRE_TYPE, read_length, read_tag, skip_field
from storage.kernels.words import Place, load_byte, load_word
from storage.samples.samples import Int32s, Int64s

# Why a series was refused; kept in place of its ref as -1 - reason.
OK = 0
CORRUPT = 1
TOO_MANY_LABELS = 2
LABEL_TOO_LONG = 3
NOT_UTF8 = 4
EMPTY_NAME = 5
DUPLICATE_NAME = 6
NO_METRIC_NAME = 7
TABLE_FULL = 8
TOO_MANY_METRICS = 9
BAD_REFERENCE = 10

LABEL_FIELD = np.uint64(1)
NAME_FIELD, VALUE_FIELD = np.uint64(1), np.uint64(2)
METRIC_NAME_WORD = np.uint64(int.from_bytes(b"__name__", "little"))
# In place of replicas where nothing is asked about them.
NO_REPLICAS: UInt64s = np.zeros(0, np.uint64)
ALL_HIGH_BITS = np.uint64(0x8080808080808080)
TENANT_MIX_LOW = np.uint64(0x9E3779B97F4A7C15)
TENANT_MIX_HIGH = np.uint64(0xC2B2AE3D27D4EB4F)


@kernel
def find_raw(
    low: UInt64s,
    high: UInt64s,
    tenant: int,
    slots: Int32s,
    entries_low: UInt64s,
    entries_high: UInt64s,
    entry_refs: Int32s,
    count: int,
    refs: Int32s,
    missed: Int64s,
    entries_replica: UInt64s,
    replicas: UInt64s,
) -> int:
    """refs[i] = the series of raw hash i; the positions of unknown ones go to `missed`.

    replicas: empty, or takes what the entry says in entries_replica.

    Entries 0..count-1 are in the order in which they came, slots holds entry + 1. Senders repeat
    their series in the same order, so the entry after the one found before is tried first: that
    walks through memory in order, where a probe of the slots would miss the cache each time.
    Returns the number missed.
    """
    mask = np.int64(len(slots) - 1)
    mix_low = np.uint64(tenant) * TENANT_MIX_LOW
    mix_high = np.uint64(tenant) * TENANT_MIX_HIGH
    missing = 0
    guess = np.int64(0)
    for i in range(len(low)):
        a = low[i] ^ mix_low
        b = high[i] + mix_high
        if guess >= count or entries_low[guess] != a or entries_high[guess] != b:
            slot = np.int64(a) & mask
            guess = np.int64(slots[slot]) - 1
            while guess >= 0 and (entries_low[guess] != a or entries_high[guess] != b):
                slot = (slot + 1) & mask
                guess = np.int64(slots[slot]) - 1
        if guess < 0:
            refs[i] = -1
            missed[missing] = i
            missing += 1
        else:
            refs[i] = entry_refs[guess]
            if len(replicas) > 0:
                replicas[i] = entries_replica[guess]
        guess += 1
    return missing


@kernel
def add_raw(
    low: UInt64s,
    high: UInt64s,
    tenant: int,
    items: Int64s,
    refs: Int32s,
    slots: Int32s,
    entries_low: UInt64s,
    entries_high: UInt64s,
    entry_refs: Int32s,
    count: int,
    dropped: int,
    entries_replica: UInt64s,
    replicas: UInt64s,
) -> int:
    """Enter raw hashes `items` whose refs are known, in their order; returns the new count.

    Known are refs from 0 on, and `dropped`, which stands for a series that is not to be kept, if it
    is below. replicas: empty, or goes to entries_replica.

    The caller has made room. A hash that occurs twice among the items is entered once.
    """
    mask = np.int64(len(slots) - 1)
    mix_low = np.uint64(tenant) * TENANT_MIX_LOW
    mix_high = np.uint64(tenant) * TENANT_MIX_HIGH
    for k in range(len(items)):
        i = items[k]
        if refs[i] < 0 and refs[i] != dropped:
            continue
        a = low[i] ^ mix_low
        b = high[i] + mix_high
        slot = np.int64(a) & mask
        known = False
        while slots[slot] != 0 and not known:
            entry = slots[slot] - 1
            known = entries_low[entry] == a and entries_high[entry] == b
            slot = (slot + 1) & mask
        if not known:
            entries_low[count] = a
            entries_high[count] = b
            entry_refs[count] = refs[i]
            if len(replicas) > 0:
                entries_replica[count] = replicas[i]
            count += 1
            slots[slot] = count
    return count


@kernel_part
def count_labels(base: Place, start: Place, end: Place) -> Place:
    """How many Label fields the run of fields at start:end has, or minus the error."""
    count = 0
    place: Place = start
    while place < end:
        number, wire_type, after = read_tag(base, place, end)
        if after > 0:
            after = skip_field(base, after, end, wire_type)
        if after < 0:
            return after
        if number == LABEL_FIELD:
            if wire_type != LENGTH:
                return -WRONG_WIRE_TYPE
            count += 1
        place = after
    return count


@kernel
def count_labels_of(
    buffer: Bytes, starts: Int64s, ends: Int64s, items: Int64s, counts: Int64s
) -> None:
    """counts[k] = count_labels() of series items[k]."""
    base = buffer.ctypes.data
    for k in range(len(items)):
        counts[k] = count_labels(base, starts[items[k]], ends[items[k]])


@kernel_part
def read_label(base: Place, start: Place, end: Place) -> tuple[Place, Place, Place, Place]:
    """(name start, name length, value start, value length) of the Label message at start:end, or a
    negative first place."""
    name_start = name_length = value_start = value_length = np.int64(0)
    place: Place = start
    while place < end:
        number, wire_type, after = read_tag(base, place, end)
        first = after
        if after > 0 and wire_type == LENGTH:
            first, after = read_length(base, after, end)
        elif after > 0 and number <= VALUE_FIELD:
            after = -WRONG_WIRE_TYPE
        elif after > 0:
            after = skip_field(base, after, end, wire_type)
        if after < 0:
            return np.int64(after), name_length, value_start, value_length
        if number == NAME_FIELD:
            name_start, name_length = np.int64(first), np.int64(after - first)
        elif number == VALUE_FIELD:
            value_start, value_length = np.int64(first), np.int64(after - first)
        place = after
    return name_start, name_length, value_start, value_length


@kernel
def first_labels(buffer: Bytes, start: int, end: int, spans: Int64s) -> int:
    """The spans of the first labels of start:end, as many as fit; messages are known to be
    whole."""
    base = buffer.ctypes.data
    count = 0
    place: Place = start
    while place < end and count < len(spans):
        number, wire_type, after = read_tag(base, place, end)
        first = after
        if number == LABEL_FIELD:
            first, after = read_length(base, after, end)
            name, name_length, value, value_length = read_label(base, first, after)
            spans[count, 0], spans[count, 1] = name, name_length
            spans[count, 2], spans[count, 3] = value, value_length
            count += 1
        else:
            after = skip_field(base, after, end, wire_type)
        place = after
    return count


@kernel_part
def compare_bytes(base: Place, a: Place, a_length: Place, b: Place, b_length: Place) -> int:
    """Byte order of two spans: -1, 0 or 1."""
    for k in range(min(a_length, b_length)):
        x, y = load_byte(base, a + k), load_byte(base, b + k)
        if x != y:
            return -1 if x < y else 1
    if a_length == b_length:
        return 0
    return -1 if a_length < b_length else 1


@kernel_part
def utf8_length(base: Place, place: Place, end: Place) -> int:
    """The length of the well-formed UTF-8 sequence of 2 to 4 bytes at place, or 0 (RFC 3629)."""
    first = load_byte(base, place)
    more, low, high = 0, 0x80, 0xBF
    if 0xC2 <= first <= 0xDF:
        more = 1
    elif 0xE0 <= first <= 0xEF:
        more = 2
        low = 0xA0 if first == 0xE0 else 0x80
        high = 0x9F if first == 0xED else 0xBF
    elif 0xF0 <= first <= 0xF4:
        more = 3
        low = 0x90 if first == 0xF0 else 0x80
        high = 0x8F if first == 0xF4 else 0xBF
    if more == 0 or place + more >= end:
        return 0
    for k in range(1, more + 1):
        byte = load_byte(base, place + k)
        if byte < low or byte > high:
            return 0
        low, high = 0x80, 0xBF
    return more + 1


@kernel_part
def is_utf8(base: Place, start: Place, length: Place) -> bool:
    """Whether the bytes are well-formed UTF-8; ASCII is checked 8 bytes at a time."""
    place = start
    end = start + length
    while place < end:
        if place + 8 <= end and load_word(base, place) & ALL_HIGH_BITS == np.uint64(0):
            place += 8
        elif load_byte(base, place) < np.uint64(0x80):
            place += 1
        else:
            step = utf8_length(base, place, end)
            if step == 0:
                return False
            place += step
    return True


@kernel_part
def compare_names(base: Place, spans: Int64s, i: int, k: int) -> int:
    """Byte order of the names of spans i and k."""
    return compare_bytes(base, spans[i, 0], spans[i, 1], spans[k, 0], spans[k, 1])


@kernel_part
def sort_spans(base: Place, spans: Int64s, first: int, end: int) -> None:
    """Insertion sort of label spans by name: label sets are short and nearly always sorted."""
    for i in range(first + 1, end):
        k = i
        while k > first and compare_names(base, spans, k - 1, k) > 0:
            for c in range(4):
                spans[k - 1, c], spans[k, c] = spans[k, c], spans[k - 1, c]
            k -= 1


@kernel_part
def check_spans(base: Place, spans: Int64s, first: int, end: int, label_bytes_max: int) -> int:
    """The reason to refuse a label set with sorted spans, or OK."""
    named = False
    for i in range(first, end):
        if spans[i, 1] > label_bytes_max or spans[i, 3] > label_bytes_max:
            return LABEL_TOO_LONG
        if spans[i, 1] == 0:
            return EMPTY_NAME
        if not is_utf8(base, spans[i, 0], spans[i, 1]):
            return NOT_UTF8
        if not is_utf8(base, spans[i, 2], spans[i, 3]):
            return NOT_UTF8
        if i > first and compare_names(base, spans, i - 1, i) == 0:
            return DUPLICATE_NAME
        if spans[i, 1] == 8 and spans[i, 3] > 0:
            named = named or load_word(base, spans[i, 0]) == METRIC_NAME_WORD
    return OK if named else NO_METRIC_NAME


@kernel
def read_labels(
    buffer: Bytes,
    starts: Int64s,
    ends: Int64s,
    items: Int64s,
    label_bytes_max: int,
    counts: Int64s,
    spans: Int64s,
    reasons: Int64s,
) -> int:
    """Read, sort and check the labels of series `items`; empty values are left out.

    counts[k]: labels of item k as count_labels_of() found. spans: int64[sum(counts), 4], filled
    from the front. On return counts[k] is the number of spans kept and reasons[k] why the item is
    refused. Returns the number of spans written.
    """
    base = buffer.ctypes.data
    used = 0
    for k in range(len(items)):
        if reasons[k] != OK:
            counts[k] = 0
            continue
        place = starts[items[k]]
        end = ends[items[k]]
        n = used
        while place < end:
            number, wire_type, after = read_tag(base, place, end)
            first = after
            if wire_type == LENGTH:
                first, after = read_length(base, after, end)
            else:
                after = skip_field(base, after, end, wire_type)
            if number == LABEL_FIELD:
                name, name_length, value, value_length = read_label(base, first, after)
                if name < 0:
                    reasons[k] = CORRUPT
                    break
                spans[n, 0], spans[n, 1] = name, name_length
                spans[n, 2], spans[n, 3] = value, value_length
                n += 1
            place = after
        if reasons[k] == OK:
            sort_spans(base, spans, used, n)
            reasons[k] = check_spans(base, spans, used, n, label_bytes_max)
        counts[k] = 0
        if reasons[k] != OK:
            continue
        for i in range(used, n):
            if spans[i, 3] > 0:
                for c in range(4):
                    spans[used, c] = spans[i, c]
                used += 1
                counts[k] += 1
    return used


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
