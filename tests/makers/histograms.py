"""Native histograms for tests: as plain tuples, and as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from storage.histograms.columns import CUSTOM_SCHEMA, Bounds, Buckets, Histograms, Natives
from storage.samples.samples import Samples

Lists = tuple[tuple[int, float], ...]


class Plain(NamedTuple):
    """One histogram. Buckets are (index, count) pairs; floats that may be NaN come as bits."""

    schema: int = 0
    count: float = 0.0
    sum_bits: int = 0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Lists = ()
    negative: Lists = ()
    bounds: tuple[float, ...] = ()
    hint: int = 0


# Different in each of the columns, one of them a stale marker.
EXAMPLES = (
    Plain(positive=((1, 2.0), (3, 1.0)), count=3.0),
    Plain(positive=((1, 2.0), (4, 1.0)), count=3.0),
    Plain(positive=((1, 2.0),), negative=((3, 1.0),), count=3.0),
    Plain(schema=3, positive=((1, 2.0), (3, 1.0)), count=3.0),
    Plain(schema=3, positive=((1, 2.0), (3, 1.0)), count=3.0, sum_bits=1 << 62),
    Plain(zero_threshold=1e-128, zero_count=2.0, count=2.0),
    Plain(zero_threshold=1e-100, zero_count=2.0, count=2.0),
    Plain(CUSTOM_SCHEMA, positive=((0, 5.0), (2, 1.0)), bounds=(1.0, 2.0), count=6.0),
    Plain(CUSTOM_SCHEMA, positive=((0, 5.0), (2, 1.0)), bounds=(1.0, 3.0), count=6.0),
    Plain(sum_bits=0x7FF0000000000002),
    Plain(),
)


def columns(histograms: Sequence[Plain]) -> Histograms:
    def floats(numbers: Sequence[float]) -> np.ndarray:
        return np.array(numbers, np.float64)

    return Histograms(
        np.array([h.schema for h in histograms], np.int8),
        np.array([h.hint for h in histograms], np.int8),
        floats([h.count for h in histograms]),
        np.array([h.sum_bits for h in histograms], np.uint64).view(np.float64),
        floats([h.zero_threshold for h in histograms]),
        floats([h.zero_count for h in histograms]),
        buckets([h.positive for h in histograms]),
        buckets([h.negative for h in histograms]),
        Bounds(
            offsets([h.bounds for h in histograms]),
            floats([bound for h in histograms for bound in h.bounds]),
        ),
    )


def buckets(lists: Sequence[Lists]) -> Buckets:
    flat = [pair for pairs in lists for pair in pairs]
    return Buckets(
        offsets(lists),
        np.array([index for index, _ in flat], np.int32),
        np.array([count for _, count in flat], np.float64),
    )


def offsets(lists: Sequence[Sequence[object]]) -> np.ndarray:
    return np.cumsum([0] + [len(each) for each in lists]).astype(np.int64)


def plain(h: Histograms, row: int) -> Plain:
    def pairs(side: Buckets) -> Lists:
        start, end = side.offsets[row], side.offsets[row + 1]
        return tuple(
            zip(side.indexes[start:end].tolist(), side.counts[start:end].tolist(), strict=True)
        )

    start, end = h.bounds.offsets[row], h.bounds.offsets[row + 1]
    return Plain(
        int(h.schemas[row]),
        float(h.counts[row]),
        int(h.sums.view(np.uint64)[row]),
        float(h.zero_thresholds[row]),
        float(h.zero_counts[row]),
        pairs(h.positive),
        pairs(h.negative),
        tuple(h.bounds.values[start:end].tolist()),
        int(h.hints[row]),
    )


def contents(samples: Samples) -> list[list[tuple[int, object, int]]]:
    """Series by series (timestamp, bits or histogram, start)."""
    bits, found = samples.values.view(np.uint64).tolist(), []
    for k, timestamp in enumerate(samples.timestamps.tolist()):
        content: object = bits[k]
        natives = samples.natives
        if natives is not None and natives.mask[k]:
            content = plain(natives.histograms, int(natives.rows[k]))
            assert content.sum_bits == bits[k], "the value of a histogram is its sum"
        start = 0 if samples.starts is None else int(samples.starts[k])
        found.append((timestamp, content, start))
    ends = samples.offsets.tolist()
    return [found[a:b] for a, b in zip(ends, ends[1:], strict=False)]


def without_hints(
    series: list[list[tuple[int, object, int]]],
) -> list[list[tuple[int, object, int]]]:
    return [
        [(t, c._replace(hint=0) if isinstance(c, Plain) else c, start) for t, c, start in points]
        for points in series
    ]


def mixed_samples(series: Sequence[Sequence[tuple[int, object, int]]]) -> Samples:
    """Samples of what contents() tells."""
    flat = [point for points in series for point in points]
    histograms = [content for _, content, _ in flat if isinstance(content, Plain)]
    rows, values = np.full(len(flat), -1, np.int32), np.zeros(len(flat), np.uint64)
    for k, (_, content, _) in enumerate(flat):
        if isinstance(content, Plain):
            rows[k] = (rows >= 0).sum()
            values[k] = content.sum_bits
        else:
            values[k] = content
    starts = np.array([start for _, _, start in flat], np.int64)
    return Samples(
        offsets(series),
        np.array([t for t, _, _ in flat], np.int64),
        values.view(np.float64),
        starts if starts.any() else None,
        Natives(columns(histograms), rows) if histograms else None,
    )
