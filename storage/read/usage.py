"""What series take: their samples and bytes in a span of time, and when they began and ended.

Of a segment that is within the span as a whole the numbers are exact; of one that reaches over an
end of it, a series counts with the share of its own time there that is in the span. A sample that
two segments have counts twice, as it takes the room of two. What is deleted counts until its
segments are rewritten. Samples in memory are exact, and take no bytes of the disk yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.head.head import HeadSamples
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.labels.frames import LabelFrame
from storage.segments.segment import SegmentMeta
from storage.segments.series import SeriesReader, Stock

# Nearer to an end of the span than this, a series has not begun or ended: it is scraped now and
# then, and may be so seldom.
NEAR_MS = 300_000
NEVER_MS = 1 << 62
# Whose samples are copied out of memory at once.
ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Usage:
    """Of each row of labels: samples and bytes in the span, and whether its first sample there is
    later than the beginning of the span, its last one earlier than the end."""

    labels: LabelFrame
    samples: Int64s
    bytes: Int64s
    began: Bools
    ended: Bools


def usage_of(
    reader: SeriesReader,
    segments: Sequence[SegmentMeta],
    stored: tuple[LabelFrame, Int64s],
    heads: Sequence[HeadSamples],
    span: tuple[int, int],
) -> Usage:
    """Of the series that have a sample in the span. stored: labels and ids, in the same order;
    heads: their samples in memory, in the span."""
    labels, ids = stored
    samples = np.zeros(len(ids), np.float64)
    sizes = np.zeros(len(ids), np.float64)
    firsts = np.full(len(ids), NEVER_MS, np.int64)
    lasts = np.full(len(ids), -NEVER_MS, np.int64)
    order = np.argsort(ids, kind="stable")
    stock = reader.stock(segments, ids[order], span)
    places = order[np.searchsorted(ids[order], stock.ids)] if len(ids) else stock.ids
    counts = stock.samples * shares(stock, span)
    np.add.at(samples, places, counts)
    np.add.at(sizes, places, counts * sample_bytes(segments)[stock.segments])
    np.minimum.at(firsts, places, np.maximum(stock.first_ms, span[0]))
    np.maximum.at(lasts, places, np.minimum(stock.last_ms, span[1]))
    for head in heads:
        samples += head.counts()
        note_ends(head, firsts, lasts)
    rows = np.flatnonzero(samples > 0)
    return Usage(
        labels.take(rows),
        np.maximum(1, np.rint(samples[rows])).astype(np.int64),
        np.rint(sizes[rows]).astype(np.int64),
        firsts[rows] > span[0] + NEAR_MS,
        lasts[rows] < span[1] - NEAR_MS,
    )


def stacked(parts: Sequence[Usage], labels: LabelFrame) -> Usage:
    """Several under each other, with their labels in the same order."""
    return Usage(
        labels,
        np.concatenate([np.zeros(0, np.int64), *(part.samples for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.bytes for part in parts)]),
        np.concatenate([np.zeros(0, np.bool_), *(part.began for part in parts)]),
        np.concatenate([np.zeros(0, np.bool_), *(part.ended for part in parts)]),
    )


def shares(stock: Stock, span: tuple[int, int]) -> Float64s:
    """Which part of the time of each series in a segment is in the span, by the samples there."""
    whole = np.maximum(1, stock.last_ms - stock.first_ms)
    inside = np.minimum(stock.last_ms, span[1]) - np.maximum(stock.first_ms, span[0])
    parts: Float64s = np.minimum(1.0, np.maximum(0, inside) / whole)
    parts[stock.last_ms == stock.first_ms] = 1.0
    return parts


def sample_bytes(segments: Sequence[SegmentMeta]) -> Float64s:
    """What a sample of each segment takes, its series included."""
    return np.array([s.bytes / max(1, s.samples) for s in segments], np.float64)


def note_ends(head: HeadSamples, firsts: Int64s, lasts: Int64s) -> None:
    """Widen the times of series to those in memory."""
    rows = len(firsts)
    for start in range(0, rows, ROWS_AT_ONCE):
        end = min(start + ROWS_AT_ONCE, rows)
        for source in head.sources(start, end):
            filled = np.flatnonzero(np.diff(source.offsets))
            own = start + filled
            begins, ends = source.offsets[filled], source.offsets[filled + 1] - 1
            firsts[own] = np.minimum(firsts[own], source.timestamps[begins])
            lasts[own] = np.maximum(lasts[own], source.timestamps[ends])
