"""Chunks of blocks as they lie in the bucket, for whom sends them on: nothing is decoded.

What tombstones say is deleted is in them, as in what a store gateway of Thanos sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from receiver.importing.tsdb.chunk_files import FOUND
from receiver.stores.bucket.chunks import Found, parts_of
from storage.chunks.chunks import COUNT_BYTES
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bytes, Int64s, frozen
from storage.kernels.jit import kernel
from storage.kernels.words import load_byte, store_byte
from storage.samples.merge import ranges

# Numbers of parts, as StoreAPI has them as fields: of samples as they came, and of the first of the
# five of windows.
RAW_FIELD, FIRST_FIELD = 3, 4


@dataclass(frozen=True, slots=True)
class EncodedChunks:
    """The chunks of n series: those of series i are offsets[i]:offsets[i+1], in order of time.

    The parts of chunk k are firsts[k]:firsts[k+1]; part p is data[bounds[p]:bounds[p+1]].
    """

    offsets: Int64s
    first_ms: Int64s
    last_ms: Int64s
    firsts: Int64s
    fields: Int64s
    encodings: Int64s
    bounds: Int64s
    data: Bytes

    @property
    def samples(self) -> int:
        """How many samples chunks say they have, those of one of their parts."""
        first = self.firsts[:-1][np.diff(self.firsts) > 0]
        places = self.bounds[first[np.diff(self.bounds)[first] >= COUNT_BYTES]]
        return int((self.data[places].astype(np.int64) << 8 | self.data[places + 1]).sum())

    def take(self, rows: Int64s) -> EncodedChunks:
        """Those of some series, in this order."""
        offsets = offsets_of(np.diff(self.offsets)[rows])
        chunks = ranges(self.offsets[rows], offsets)
        firsts = offsets_of(np.diff(self.firsts)[chunks])
        parts = ranges(self.firsts[chunks], firsts)
        bounds = offsets_of(np.diff(self.bounds)[parts])
        data = gathered(self.data, self.bounds[parts], bounds)
        return EncodedChunks(
            offsets, self.first_ms[chunks], self.last_ms[chunks], firsts, self.fields[parts],
            self.encodings[parts], bounds, data,
        )  # fmt: skip


@kernel
def gather_bytes(source: Bytes, starts: Int64s, bounds: Int64s, out: Bytes) -> None:
    """Copy what begins at each of `starts` to bounds[i]:bounds[i+1]."""
    base, target = source.ctypes.data, out.ctypes.data
    for k in range(len(starts)):
        for j in range(bounds[k + 1] - bounds[k]):
            store_byte(target, bounds[k] + j, load_byte(base, starts[k] + j))


def gathered(source: Bytes, starts: Int64s, bounds: Int64s) -> Bytes:
    out = np.empty(int(bounds[-1]), np.uint8)
    gather_bytes(frozen(source), starts, bounds, out)
    return out


def encoded(read: Found, own: Int64s, offsets: Int64s, parts: Sequence[int]) -> EncodedChunks:
    """The chunks that were read, without what could not be. own: rows of (first time, last time,
    ref); offsets: the chunks of each series; parts: those that are wanted of windows, as numbers
    from 0 on; empty: chunks are of samples as they came."""
    chunks = read.chunks
    sound = (read.faults == FOUND)[:, np.newaxis]
    if parts:
        split = parts_of(chunks)
        starts, ends = split.starts[:, list(parts)], split.ends[:, list(parts)]
        encodings = split.encodings[:, list(parts)]
        numbers = np.array(parts, np.int64) + FIRST_FIELD
    else:
        starts, ends, encodings = (
            column[:, np.newaxis] for column in (chunks.starts, chunks.ends, chunks.encodings)
        )
        numbers = np.array([RAW_FIELD], np.int64)
    there = sound & (ends > starts)
    counts = there.sum(axis=1)
    kept = np.flatnonzero(counts)
    bounds = offsets_of((ends - starts)[there])
    return EncodedChunks(
        np.searchsorted(kept, offsets),
        own[kept, 0],
        own[kept, 1],
        offsets_of(counts[kept]),
        np.broadcast_to(numbers, there.shape)[there],
        encodings[there],
        bounds,
        gathered(chunks.buffer, starts[there], bounds),
    )


def stacked(parts: Sequence[EncodedChunks]) -> EncodedChunks:
    """The series of all parts under each other."""

    def joined(columns: Sequence[Int64s]) -> Int64s:
        """Offsets one behind the other."""
        return offsets_of(np.concatenate([np.diff(column) for column in columns]))

    if not parts:
        none = np.zeros(0, np.int64)
        zero, nothing = np.zeros(1, np.int64), np.zeros(0, np.uint8)
        return EncodedChunks(zero, none, none, zero, none, none, zero, nothing)
    return EncodedChunks(
        joined([part.offsets for part in parts]),
        np.concatenate([part.first_ms for part in parts]),
        np.concatenate([part.last_ms for part in parts]),
        joined([part.firsts for part in parts]),
        np.concatenate([part.fields for part in parts]),
        np.concatenate([part.encodings for part in parts]),
        joined([part.bounds for part in parts]),
        np.concatenate([part.data for part in parts]),
    )
