"""The optional columns of a head's samples: start timestamps and native histograms.

They are addressed by place: slot p of the chunk pool; beyond its slots, out-of-order samples. The
columns are reserved for every place and touched only for samples that have something to put there,
so plain floats cost nothing: zero means no start, and no histogram.

Invariants:
* A place is written once, under the shard's lock, before any snapshot reaches it.
* Every series with a start or a histogram in the head is marked.
"""

from dataclasses import dataclass

import numpy as np

from storage.batch import Batch
from storage.head.histograms import HistogramArena
from storage.head.kernels import COPY, REFUSED, REPEATED, UNSOUND, keep_starts
from storage.head.pool import ChunkPool
from storage.histograms.columns import Histograms, Natives
from storage.histograms.fingerprints import fingerprints
from storage.histograms.hints import hints_after
from storage.histograms.histograms import take
from storage.histograms.rows import few_of
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.memory import reserve
from storage.samples.samples import Samples

NO_ROWS = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class ExtrasView:
    """The optional columns as they were at one moment."""

    starts: Int64s
    rows: Int32s  # in `histograms`, plus one; 0 for a float
    histograms: Histograms

    def samples(
        self, offsets: Int64s, timestamps: Int64s, values: Float64s, places: Int64s
    ) -> Samples:
        """Samples with what is kept for them at their places."""
        starts = self.starts[places]
        natives = few_of(Natives(self.histograms, self.rows[places] - np.int32(1)))
        return Samples(offsets, timestamps, values, starts if starts.any() else None, natives)


class HeadExtras:
    """The columns, the histograms, and the marks of the series that need them."""

    def __init__(
        self, pool: ChunkPool, *, series: int, histograms_max: int, buckets_max: int
    ) -> None:
        self._pool = pool
        self._starts: Int64s = reserve(pool.places, np.int64)
        self._rows: Int32s = reserve(pool.places, np.int32)
        self._marked: Bools = reserve(series, np.bool_)
        self.arena = HistogramArena(histograms_max, buckets_max)
        self.floats_have_starts = False

    def put(self, refs: Int32s, batch: Batch, places: Int64s) -> None:
        """Keep what the batch has for the samples that were given a place. refs: per series."""
        natives = batch.natives
        if batch.starts is not None:
            rows = NO_ROWS if natives is None else natives.rows
            of_floats = keep_starts(
                refs, batch.sample_offsets, batch.starts, rows, places, self._starts, self._marked
            )
            self.floats_have_starts |= of_floats > 0
        if natives is not None:
            kept = np.flatnonzero(natives.mask & (places >= 0))
            self._put_histograms(take(natives.histograms, natives.rows[kept]), places[kept])
            series = np.searchsorted(batch.sample_offsets, kept, side="right") - 1
            self._marked[refs[series]] = True

    def _put_histograms(self, histograms: Histograms, places: Int64s) -> None:
        first, count = self.arena.extend(histograms), len(histograms)
        rows = np.arange(first, first + count)
        self._rows[places] = rows + 1
        before = self._pool.before(places)
        before_rows = np.where(before < 0, 0, self._rows[before]) - 1
        follows = before_rows >= 0
        # Only these rows: what is asked of columns as a whole would be copied as a whole.
        pairs = take(self.arena.view(), np.concatenate([rows, before_rows[follows]]))
        before_pair = np.full(count, -1)
        before_pair[follows] = np.arange(count, len(pairs))
        times_at = self._pool.times_at  # those of the out-of-order ones follow none
        hints = hints_after(
            pairs, before_pair, np.arange(count), times_at(before), times_at(places)
        )
        self.arena.set_hints(first, hints)

    def keys_at(self, places: Int64s, bits: UInt64s) -> tuple[UInt64s, Bools]:
        """What is compared of the samples at these places, and which are histograms; bits: of their
        values."""
        rows = self._rows[places].astype(np.int64) - 1
        of_histograms = rows >= 0
        keys = bits.copy()
        keys[of_histograms] = fingerprints(self.arena.view(), rows[of_histograms])
        return keys, of_histograms

    def view(self, refs: Int64s) -> ExtrasView | None:
        """What there is now; None if none of these series has any. Under the shard's lock."""
        if not self._marked[refs].any():
            return None
        return ExtrasView(self._starts, self._rows, self.arena.view())


def has_extras(batch: Batch) -> bool:
    return batch.natives is not None or batch.starts is not None


def first_places(batch: Batch) -> Int64s:
    """What the places of a batch's samples are before the head has seen them."""
    places = np.full(batch.sample_count, REFUSED, np.int64)
    natives = batch.natives
    if natives is not None and natives.reasons is not None:
        of_histograms = np.flatnonzero(natives.mask)
        unsound = natives.reasons[natives.rows[of_histograms]] != 0
        places[of_histograms[unsound]] = UNSOUND
    return places


def content_keys(batch: Batch) -> UInt64s:
    """What must be equal in two samples of one moment: a float's bits, or a fingerprint."""
    keys: UInt64s = batch.values.view(np.uint64)
    natives = batch.natives
    if natives is None:
        return keys
    keys = keys.copy()
    of_histograms = natives.mask
    rows = natives.rows[of_histograms].astype(np.int64)
    keys[of_histograms] = fingerprints(natives.histograms, rows)
    return keys


def accepted_histograms(batch: Batch, places: Int64s) -> int:
    """How many histograms are in the head now, those that were there before or are copies
    included."""
    if batch.natives is None:
        return 0
    taken = (places >= REPEATED) | (places == COPY)
    return int((taken & batch.natives.mask).sum())
