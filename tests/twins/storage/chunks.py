"""Plain twins of the chunk codecs: bits as a text of zeros and ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

STALE = 0x7FF0000000000002
LENGTHS = (0, 3, 6, 9, 12, 18, 25, 56, 64)
PREFIXES = ("0", "10", "110", "1110", "11110", "111110", "1111110", "11111110", "11111111")


def bits_of(value: int, count: int) -> str:
    return format(value % (1 << count), f"0{count}b") if count else ""


def float_bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def varint(value: int) -> str:
    out = []
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return "".join(bits_of(byte, 8) for byte in [*out, value])


def zigzag_varint(value: int) -> str:
    return varint(value * 2 if value >= 0 else -value * 2 - 1)


def fits(value: int, count: int) -> bool:
    return -(2 ** (count - 1) - 1) <= value <= 2 ** (count - 1) if count else value == 0


def signed(value: int) -> str:
    which = next(i for i, count in enumerate(LENGTHS) if fits(value, count) or count == 64)
    return PREFIXES[which] + bits_of(value, LENGTHS[which])


def unsigned(value: int) -> str:
    which = next(i for i, count in enumerate(LENGTHS) if value < 1 << count)
    return PREFIXES[which] + bits_of(value, LENGTHS[which])


def step(change: int) -> str:
    if change == 0:
        return "0"
    for prefix, count in (("10", 14), ("110", 17), ("1110", 20)):
        if fits(change, count):
            return prefix + bits_of(change, count)
    return "1111" + bits_of(change, 64)


class Xor:
    """The values of one place of a chunk, each against the one before."""

    def __init__(self, first: int) -> None:
        self.before = first
        self.window: tuple[int, int] | None = None  # zeros before and behind it

    def add(self, bits: int) -> str:
        changed = self.before ^ bits
        self.before = bits
        if not changed:
            return "0"
        text = bits_of(changed, 64)
        leading = min(31, len(text) - len(text.lstrip("0")))
        trailing = len(text) - len(text.rstrip("0"))
        if self.window and leading >= self.window[0] and trailing >= self.window[1]:
            return "10" + text[self.window[0] : 64 - self.window[1]]
        self.window = leading, trailing
        size = 64 - leading - trailing
        return "11" + bits_of(leading, 5) + bits_of(size, 6) + text[leading : 64 - trailing]


def packed(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def float_chunk(samples: Sequence[tuple[int, int]]) -> bytes:
    """The chunk of (time, bits of the value)."""
    out = bits_of(len(samples), 16)
    delta = 0
    for i, (time, bits) in enumerate(samples):
        if i == 0:
            xor = Xor(bits)
            out += zigzag_varint(time) + bits_of(bits, 64)
            continue
        last, delta = delta, time - samples[i - 1][0]
        out += varint(delta) if i == 1 else step(delta - last)
        out += xor.add(bits)
    return packed(out)


Spans = Sequence[tuple[int, int]]  # (length, offset)


@dataclass(frozen=True)
class Layout:
    """What the histograms of a chunk share. flags: its two highest bits."""

    schema: int = 0
    threshold: float = 0.0
    positive: Spans = ()
    negative: Spans = ()
    bounds: Sequence[float] = ()
    flags: int = 0


@dataclass(frozen=True)
class Point:
    """A histogram with its buckets as counts, those of value 0 too."""

    time: int
    count: float
    zero: float
    sum: float
    positive: Sequence[float] = ()
    negative: Sequence[float] = ()
    stale: bool = False

    @property
    def sum_bits(self) -> int:
        return STALE if self.stale else float_bits(self.sum)


def indexes(spans: Spans) -> list[int]:
    out: list[int] = []
    at = 0
    for length, offset in spans:
        at += offset
        out += range(at, at + length)
        at += length
    return out


def threshold_bits(threshold: float) -> str:
    for power in range(1, 255):
        if threshold == 0.5 * 2.0 ** (power - 243):
            return bits_of(power, 8)
    return bits_of(0, 8) if threshold == 0 else bits_of(255, 8) + bits_of(float_bits(threshold), 64)


def bound_bits(bound: float) -> str:
    scaled = bound * 1000
    if scaled == int(scaled) and 0 <= scaled <= 33_554_430:
        return unsigned(int(scaled) + 1)
    return "0" + bits_of(float_bits(bound), 64)


def head(layout: Layout, count: int) -> str:
    out = bits_of(count, 16) + bits_of(layout.flags << 6, 8) + threshold_bits(layout.threshold)
    out += signed(layout.schema)
    for spans in (layout.positive, layout.negative):
        out += unsigned(len(spans)) + "".join(unsigned(n) + signed(o) for n, o in spans)
    if layout.schema == -53:
        out += unsigned(len(layout.bounds)) + "".join(map(bound_bits, layout.bounds))
    return out


def differences(counts: Sequence[float]) -> list[int]:
    whole = [int(count) for count in counts]
    return [count - before for count, before in zip(whole, [0, *whole], strict=False)]


def histogram_chunk(layout: Layout, points: Sequence[Point], *, floats: bool) -> bytes:
    """The chunk of these points; behind a stale one there are only stale ones."""
    return packed(head(layout, len(points)) + (_reals if floats else _integers)(points))


def _times(points: Sequence[Point]) -> list[str]:
    deltas = [0, *(b.time - a.time for a, b in zip(points, points[1:], strict=False))]
    later = [signed(b - a) for a, b in zip(deltas, deltas[1:], strict=False)]
    return [signed(points[0].time), *later] if points else []


def _integers(points: Sequence[Point]) -> str:
    out, before, deltas = "", [0], [0]
    for i, (point, time) in enumerate(zip(points, _times(points), strict=True)):
        own = [int(point.count), int(point.zero)]
        own += differences(point.positive) + differences(point.negative)
        out += time
        if i == 0:
            sums = Xor(point.sum_bits)
            out += unsigned(own[0]) + unsigned(own[1]) + bits_of(point.sum_bits, 64)
            out += "".join(map(signed, [] if point.stale else own[2:]))
            before, deltas = own, [0] * len(own)
            continue
        if point.stale:
            out += "00" + sums.add(point.sum_bits)
            continue
        changes = [a - b for a, b in zip(own, before, strict=True)]
        steps = [signed(a - b) for a, b in zip(changes, deltas, strict=True)]
        out += "".join(steps[:2]) + sums.add(point.sum_bits) + "".join(steps[2:])
        before, deltas = own, changes
    return out


def _reals(points: Sequence[Point]) -> str:
    out, places = "", []
    for i, (point, time) in enumerate(zip(points, _times(points), strict=True)):
        own = [float_bits(point.count), float_bits(point.zero), point.sum_bits]
        if point.stale:
            own[:2] = [0, 0]
        else:
            own += [float_bits(count) for count in [*point.positive, *point.negative]]
        out += time
        if i == 0:
            places = [Xor(bits) for bits in own]
            out += "".join(bits_of(bits, 64) for bits in own)
        else:
            out += "".join(place.add(bits) for place, bits in zip(places, own, strict=False))
    return out
