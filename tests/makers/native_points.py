"""Native histograms one by one, for tests: as they are written in scripts, and as columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from api.promql.syntax.durations import parse_duration
from api.promql.syntax.literals import parse_number
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Bounds,
    Buckets,
    Histograms,
)

Counts = tuple[tuple[int, float], ...]  # (bucket index, count), ascending, no count is zero

HINTS = {
    "unknown": HINT_UNKNOWN,
    "reset": HINT_RESET,
    "not_reset": HINT_NOT_RESET,
    "gauge": HINT_GAUGE,
}
_ITEM = re.compile(r"\s*\b([a-z_]+):(\[[^\]]*\]|[^\s\[\]]+)")


@dataclass(frozen=True)
class NativePoint:
    """One native histogram. hint_stated: whether a script wrote a hint, or left it open."""

    schema: int = 0
    sum: float = 0.0
    count: float = 0.0
    zero_count: float = 0.0
    zero_threshold: float = 0.0
    positive: Counts = ()
    negative: Counts = ()
    bounds: tuple[float, ...] = ()
    hint: int = HINT_UNKNOWN
    hint_stated: bool = field(default=False, compare=False)

    def combined(self, other: NativePoint, sign: int) -> NativePoint:
        """self + sign * other, for runs of points; both have one layout, other may be finer."""
        assert self.schema <= other.schema, "the step of a run is coarser than its start"
        assert self.bounds == other.bounds, "custom bounds change within a run"
        hint = self.hint
        if hint != other.hint:
            hint = HINT_GAUGE if HINT_GAUGE in (self.hint, other.hint) else HINT_UNKNOWN
        shift = other.schema - self.schema
        return replace(
            self,
            sum=self.sum + sign * other.sum,
            count=self.count + sign * other.count,
            zero_count=self.zero_count + sign * other.zero_count,
            positive=_added(self.positive, other.positive, shift, sign),
            negative=_added(self.negative, other.negative, shift, sign),
            hint=hint,
            hint_stated=other.hint_stated,
        )


def _added(a: Counts, b: Counts, shift: int, sign: int) -> Counts:
    merged = dict(a)
    for index, count in b:
        coarse = ((index - 1) >> shift) + 1 if shift else index
        merged[coarse] = merged.get(coarse, 0.0) + sign * count
    return tuple((index, count) for index, count in sorted(merged.items()) if count)


def parse_value(text: str) -> float:
    """A number, or a duration in seconds. Raises ValueError for anything else."""
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text[1:] if text[:1] in "+-" else text
    if re.fullmatch(r"(?i:[0-9.]+(y|w|d|h|m|s|ms))+", digits):
        return sign * parse_duration(digits) / 1000
    return sign * parse_number(digits)


def parse_native(text: str) -> NativePoint:
    """What stands between {{ and }}, such as `schema:1 count:3 buckets:[1 2]`."""
    items = dict(_ITEM.findall(text))
    assert not _ITEM.sub("", text).strip(), f"not a histogram: {text}"

    def numbers(key: str) -> list[float]:
        return [parse_value(word) for word in items.pop(key, "[]")[1:-1].split()]

    def side(key: str, offset: str) -> Counts:
        counts = enumerate(numbers(key), int(items.pop(offset, "0")))
        return tuple((index, count) for index, count in counts if count)

    stated = "counter_reset_hint" in items
    point = NativePoint(
        schema=int(items.pop("schema", "0")),
        sum=parse_value(items.pop("sum", "0")),
        count=parse_value(items.pop("count", "0")),
        zero_count=parse_value(items.pop("z_bucket", "0")),
        zero_threshold=parse_value(items.pop("z_bucket_w", "0")),
        positive=side("buckets", "offset"),
        negative=side("n_buckets", "n_offset"),
        bounds=tuple(numbers("custom_values")),
        hint=HINTS[items.pop("counter_reset_hint", "unknown")],
        hint_stated=stated,
    )
    assert not items, f"unknown parts of a histogram: {items}"
    return point


def native_of_classic(
    cumulative: dict[float, float], count: float | None, total: float
) -> NativePoint:
    """A histogram with custom bounds from the counts of a classic one, by upper bound."""
    if count is None:
        count = cumulative[max(cumulative)] if cumulative else 0.0
    bounds = sorted({*cumulative, np.inf})
    counts = [cumulative.get(bound, count) for bound in bounds]
    single = np.diff([0.0, *counts]).tolist()
    assert min(single) >= 0 and counts[-1] == count, "a classic histogram is not cumulative"
    return NativePoint(
        CUSTOM_SCHEMA,
        total,
        count,
        positive=tuple((index, n) for index, n in enumerate(single) if n),
        bounds=tuple(bounds[:-1]),
    )


def histograms_of(points: Sequence[NativePoint]) -> Histograms:
    """The points as columns, in their order."""
    bounds = [np.array(point.bounds, np.float64) for point in points]
    return Histograms(
        schemas=np.array([p.schema for p in points], np.int8),
        hints=np.array([p.hint for p in points], np.int8),
        counts=np.array([p.count for p in points], np.float64),
        sums=np.array([p.sum for p in points], np.float64),
        zero_thresholds=np.array([p.zero_threshold for p in points], np.float64),
        zero_counts=np.array([p.zero_count for p in points], np.float64),
        positive=_buckets([p.positive for p in points]),
        negative=_buckets([p.negative for p in points]),
        bounds=Bounds(_offsets(bounds), np.concatenate([np.zeros(0), *bounds])),
    )


def _buckets(sides: list[Counts]) -> Buckets:
    flat = [pair for side in sides for pair in side]
    return Buckets(
        _offsets(sides),
        np.array([index for index, _ in flat], np.int32),
        np.array([count for _, count in flat], np.float64),
    )


def _offsets(parts: Sequence[Sequence[object]] | Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)


def point_of(h: Histograms, row: int) -> NativePoint:
    """One histogram of the columns."""

    def side(buckets: Buckets) -> Counts:
        part = slice(int(buckets.offsets[row]), int(buckets.offsets[row + 1]))
        pairs = zip(buckets.indexes[part].tolist(), buckets.counts[part].tolist(), strict=True)
        return tuple(pairs)

    part = slice(int(h.bounds.offsets[row]), int(h.bounds.offsets[row + 1]))
    return NativePoint(
        int(h.schemas[row]),
        float(h.sums[row]),
        float(h.counts[row]),
        float(h.zero_counts[row]),
        float(h.zero_thresholds[row]),
        side(h.positive),
        side(h.negative),
        tuple(h.bounds.values[part].tolist()),
        int(h.hints[row]),
    )
