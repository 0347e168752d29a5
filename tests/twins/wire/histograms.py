"""The plain-Python twin of the histogram kernels: one message at a time, unbounded integers."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from storage import reasons
from tests.twins.wire.v1 import MASK, WireError, fields, value_of, varint

PACKED = {9: 0, 10: 1, 12: 0, 13: 1, 16: 1}
PLAIN = {1: 0, 2: 1, 3: 1, 4: 0, 5: 1, 6: 0, 7: 1, 8: 2, 11: 2, 14: 0, 15: 0, 17: 0}
TRUNCATED, WRONG_WIRE_TYPE = 1, 3


@dataclass(frozen=True)
class Decoded:
    """A histogram by its values; buckets as (index, count). Doubles as their bits."""

    reason: int
    schema: int
    hint: int
    count: float
    sum_bits: int
    zero_threshold_bits: int
    zero_count: float
    negative: list[tuple[int, float]]
    positive: list[tuple[int, float]]
    bounds: list[float]
    timestamp: int
    start: int


def zigzag(word: int) -> int:
    return word >> 1 ^ -(word & 1)


def signed(word: int, bits: int = 64) -> int:
    word &= (1 << bits) - 1
    return word - (1 << bits) if word >> (bits - 1) else word


def real(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


def read(data: bytes, start: int, end: int) -> dict[int, list[int | tuple[int, int]]]:
    """All fields by number, repeated ones in order. Raises WireError."""
    found: dict[int, list[int | tuple[int, int]]] = {}
    order: list[int] = []
    for number, place, content in fields(data, start, end, PLAIN):
        values = found.setdefault(number, [])
        if number in PACKED:
            values.extend(read_repeated(data, place, content, PACKED[number]))
        elif number in (8, 11):
            assert isinstance(content, range), f"span at {place}"
            span = {1: 0, 2: 0}
            for key, at, scalar in fields(data, content.start, content.stop, {1: 0, 2: 0}):
                if key <= 2:
                    assert isinstance(scalar, int), f"scalar at {at}"
                    span[key] = scalar
            values.append((signed(zigzag(span[1] & 0xFFFFFFFF), 32), span[2] & 0xFFFFFFFF))
        elif isinstance(content, int):
            values.append(content)
        if number in (1, 2, 6, 7):
            order.append(number)
    found[0] = [
        next((n for n in reversed(order) if n in (1, 2)), 1),
        next((n for n in reversed(order) if n in (6, 7)), 6),
    ]
    return found


def read_repeated(data: bytes, place: int, content: int | range, single: int) -> list[int]:
    wire_type = varint(data, place, len(data))[0] & 7
    if isinstance(content, int):
        if wire_type != single:
            raise WireError(WRONG_WIRE_TYPE, place)
        return [content]
    values = []
    at = content.start
    if single == 1 and len(content) % 8:
        raise WireError(TRUNCATED, place)
    while at < content.stop:
        value, at = value_of(data, at, content.stop, single)
        assert isinstance(value, int), f"value at {at}"
        values.append(value)
    return values


def decode(data: bytes, start: int, end: int, buckets_max: int) -> Decoded:
    """The histogram message data[start:end]. Raises WireError."""
    found = read(data, start, end)

    def last(number: int) -> int:
        values = found.get(number, [])
        value = values[-1] if values else 0
        assert isinstance(value, int), f"field {number}"
        return value

    is_float = found[0][0] == 2
    zero_told = (found[0][1] == 7) == is_float
    count = real(last(2)) if is_float else float(last(1))
    zero = (real(last(7)) if is_float else float(last(6))) if zero_told else 0.0
    schema = signed(zigzag(last(4) & 0xFFFFFFFF), 32)
    sides = [
        (found.get(spans, []), found.get(floats if is_float else deltas, []))
        for spans, deltas, floats in ((8, 9, 10), (11, 12, 13))
    ]
    bounds = [real(bits) for bits in found.get(16, []) if isinstance(bits, int)]
    entries = sum(len(found.get(number, [])) for number in range(8, 14)) + len(bounds)
    buckets: list[list[tuple[int, float]]] = [[], []]
    total = 0
    reason = check_form(schema, sides, bounds, zero, last(5))
    kept = sum(len(numbers) for _, numbers in sides) + len(bounds)
    if entries > 2 * buckets_max or kept > buckets_max:
        reason = reasons.TOO_MANY_BUCKETS
    if not reason:
        for side in range(2):
            spans, numbers = sides[side]
            part, total_of_side = expand(spans, numbers, is_float, max(0, schema - 8))
            reason = reasons.BUCKET_NEGATIVE if part is None else reason
            buckets[side] = part or []
            total += total_of_side
    if not reason and not is_float:
        reason = check_count(total + (last(6) if zero_told else 0), last(1), real(last(3)))
    if not reason and is_float:
        reason = reasons.ZERO_COUNT_NEGATIVE if zero < 0 else reason
        reason = reasons.COUNT_NEGATIVE if count < 0 else reason
    if reason:
        buckets, bounds, schema = [[], []], [], 0
    hint = last(14)
    return Decoded(
        reason, min(schema, 8), hint if hint < 4 else 0, count, last(3), last(5), zero,
        *buckets, bounds, signed(last(15)), signed(last(17)),
    )  # fmt: skip


def check_form(schema, sides, bounds, zero, zero_threshold_bits) -> int:  # type: ignore[no-untyped-def]
    custom = schema == -53
    if not custom and not -4 <= schema <= 52:
        return reasons.SCHEMA_UNKNOWN
    if custom:
        for k, bound in enumerate(bounds):
            if math.isnan(bound):
                return reasons.BOUNDS_NAN
            if bound <= (bounds[k - 1] if k else -math.inf):
                return reasons.BOUNDS_ORDER
        if bounds and bounds[-1] == math.inf:
            return reasons.BOUNDS_INFINITE
    for spans, numbers in sides:
        reach = 0
        for k, (offset, length) in enumerate(spans):
            if offset < 0 and (k or custom):
                return reasons.SPAN_OFFSET
            reach += offset + length
            if not custom and not -(1 << 31) <= reach < 1 << 31:
                return reasons.INDEX_RANGE
        if sum(length for _, length in spans) != len(numbers):
            return reasons.SPAN_MISMATCH
        if custom and reach > len(bounds) + 1:
            return reasons.BOUNDS_TOO_FEW
    if not custom:
        return reasons.BOUNDS_NOT_CUSTOM if bounds else reasons.OK
    if zero != 0:
        return reasons.CUSTOM_ZERO_COUNT
    if real(zero_threshold_bits) != 0:
        return reasons.CUSTOM_ZERO_THRESHOLD
    return reasons.CUSTOM_NEGATIVE if sides[0][0] or sides[0][1] else reasons.OK


def expand(spans, numbers, is_float: bool, shift: int):  # type: ignore[no-untyped-def]
    """([(index, count)], sum of integer counts); None in the place of the list if one is < 0."""
    counts: dict[int, float] = {}
    running = total = k = index = 0
    for offset, length in spans:
        index += offset
        for _ in range(length):
            running = numbers[k] if is_float else signed(running + zigzag(numbers[k]))
            count = real(running) if is_float else float(running)
            if count < 0:
                return None, 0
            total += 0 if is_float else running
            target = math.ceil(index / 2**shift)
            if count != 0:
                counts[target] = counts.get(target, 0.0) + count
            index += 1
            k += 1
    return sorted(counts.items()), total


def check_count(total: int, count: int, observed: float) -> int:
    total &= MASK
    if math.isnan(observed):
        return reasons.COUNT_TOO_SMALL if total > count else reasons.OK
    return reasons.COUNT_MISMATCH if total != count else reasons.OK
