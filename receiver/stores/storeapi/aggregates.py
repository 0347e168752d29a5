"""Chunks of downsampled series in a store's frames: which of their fields belong together.

What they mean is in receiver.stores.windows.
"""

from dataclasses import dataclass

import numpy as np

from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.frames import (
    ENCODING,
    END,
    FIRST_MS,
    KIND,
    LAST_MS,
    OWNER,
    START,
)
from receiver.stores.windows import COUNT, MAX, MIN, Windows, samples_of
from storage.chunks.chunks import OK, XOR, Chunks
from storage.kernels.arrays import Bytes, Int64s
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class Damage:
    """Of chunks that could not be read: how many, and why one of them could not."""

    count: int = 0
    reason: int = OK


def samples_of_pieces(
    buffer: Bytes, pieces: Int64s, series: int, windows: Windows
) -> tuple[Samples, Damage]:
    """The samples of the aggregates among the pieces of so many series. Raises LyingStore where
    chunks lack what was asked for."""
    numbers, found = paired(pieces, windows.part)
    order = np.lexsort((found[:, FIRST_MS], found[:, OWNER]))
    numbers, found = numbers[order], found[order]
    offsets = np.searchsorted(found[:, OWNER], np.arange(series + 1))
    counts, values = chunks_at(buffer, numbers), chunks_at(buffer, found)
    samples, reasons = samples_of(counts, values, offsets, windows)
    return samples, Damage(int((reasons != OK).sum()), int(reasons.max(initial=OK)))


def paired(pieces: Int64s, part: int) -> tuple[Int64s, Int64s]:
    """The numbers of chunks, and another part of them. Raises LyingStore.

    Histograms have neither least nor most: there a number may stand alone.
    """
    chosen = pieces[np.isin(pieces[:, KIND], (COUNT, part))]
    is_count = chosen[:, KIND] == COUNT
    where = chosen[:, [OWNER, FIRST_MS, LAST_MS]]
    # A chunk's pieces follow each other.
    is_first = is_count.copy()
    is_first[:-1] &= ~is_count[1:] & (where[:-1] == where[1:]).all(axis=1)
    is_first[-1:] = False
    firsts = np.flatnonzero(is_first)
    alone = len(chosen) - 2 * len(firsts)
    if alone and (part not in (MIN, MAX) or alone != is_count.sum() - len(firsts)):
        raise LyingStore("its downsampled chunks have not the aggregates that were asked for")
    return chosen[firsts], chosen[firsts + 1]


def chunks_at(buffer: Bytes, pieces: Int64s) -> Chunks:
    starts, ends = (np.ascontiguousarray(pieces[:, column]) for column in (START, END))
    return Chunks(buffer, starts, ends, pieces[:, ENCODING] + XOR)
