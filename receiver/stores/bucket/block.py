"""One block of a bucket, read for one query: from matchers to series with their samples.

What is damaged costs itself: an entry its series, a chunk its samples, the index the block.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from receiver.errors import CorruptBody
from receiver.importing.errors import BlockError
from receiver.importing.tsdb import chunk_files, entries
from receiver.importing.tsdb.block import Meta, runs
from receiver.importing.tsdb.chunk_files import FOUND
from receiver.importing.tsdb.entries import SOUND
from receiver.importing.tsdb.files import INDEX_FILE, TOMBSTONES_FILE
from receiver.importing.tsdb.tombstones import Tombstones, parse_tombstones, without_deleted
from receiver.stores.bucket.chunks import parts_of, read_chunks, samples_of_parts
from receiver.stores.bucket.encoded import EncodedChunks, encoded, stacked
from receiver.stores.bucket.header import Header, Headers
from receiver.stores.bucket.pages import PAGE_BYTES, Brought, Pages, Wanted
from receiver.stores.bucket.postings import refs_of
from receiver.stores.bucket.series import ALIGNED_BYTES, Entries, read_entries
from receiver.stores.errors import StoreError
from receiver.stores.limits import Budget
from receiver.stores.windows import Windows
from storage.chunks import chunks as chunk_kinds
from storage.chunks.series import decode_series
from storage.errors import ObjectMissing, StoreFailed
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bools, Int8s, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.labels.pairs import LabelPairs
from storage.labels.passing import passing
from storage.read.federation import stack_frames
from storage.read.joined.fetched import FetchedSeries
from storage.samples.hint import Purpose
from storage.samples.merge import between, ranges, stack, take_rows
from storage.samples.samples import Samples, empty_samples
from storage.series.symbols import SymbolTable

Span = tuple[int, int]
# Of one block, entries or chunks that are in memory at a time, as they are in the bucket; one that
# is on another page than the one before counts for PAGE_WEIGHT more.
AT_ONCE, PAGE_WEIGHT = 1 << 16, 1 << 4
EXAMPLES_MAX = 3
NO_TOMBSTONES: Tombstones = {}


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block as the bucket lists it. sizes: of its files, by name in it."""

    meta: Meta
    sizes: Mapping[str, int]

    def name_of(self, file: str) -> str:
        return f"{self.meta.ulid}/{file}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in memory of the blocks of a bucket."""

    pages: Pages
    headers: Headers


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a block. matchers: all of the selector, external labels among them;
    is_late: whether the query has waited for too long."""

    matchers: Sequence[Matcher]
    span: Span
    purpose: Purpose
    with_samples: bool
    is_late: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Series that pass: rows of entries, with their labels and refs. wanted: which chunks of all
    entries have something of the span."""

    entries: Entries
    labels: LabelFrame
    refs: Int64s
    rows: Int64s
    wanted: Bools


@dataclass(slots=True)
class BlockReader:
    """Reads one block once. losses: what could not be read: how many, and an example of why."""

    block: KnownBlock
    kept: Kept
    asked: Asked
    budget: Budget
    losses: dict[str, list[str]] = field(default_factory=dict)

    def read(self) -> FetchedSeries:
        """The series that pass. Raises StoreError."""
        with failing():
            return self._read()

    def encoded(self, parts: Sequence[int]) -> tuple[LabelFrame, EncodedChunks]:
        """The series that pass, and those of their chunks that have something of the span, as they
        are. parts: of downsampled blocks, from 0 on. Raises StoreError."""
        with failing():
            return self._encoded(parts if self.block.meta.resolution_ms else ())

    def said(self) -> Iterator[str]:
        """A sentence about each kind of thing that could not be read."""
        for what, examples in self.losses.items():
            yield f"{len(examples)} of its {what} are lost, such as {examples[0]}"

    def _read(self) -> FetchedSeries:
        deleted = self._tombstones()
        found = [self._some(chosen, deleted) for chosen in self._chosen()]
        if len(found) == 1:
            return found[0]
        symbols = found[0].labels.symbols if found else Symbols()
        frame = stack_frames(symbols, [each.labels for each in found])
        samples = stack([each.samples for each in found])
        return FetchedSeries(frame, samples, self.asked.span)

    def _encoded(self, parts: Sequence[int]) -> tuple[LabelFrame, EncodedChunks]:
        frames, chunks = [], []
        for chosen in self._chosen():
            frames.append(chosen.labels)
            for own, offsets in self._portions(chosen):
                read = read_chunks(self.block.meta.ulid, self.block.sizes, own[:, 2], self._bring)
                self._note(own, read.faults, chunk_files.FAULTS)
                chunks.append(encoded(read, own, offsets, parts))
                self.budget.spend(bytes=len(chunks[-1].data), samples=chunks[-1].samples)
        symbols = frames[0].symbols if frames else Symbols()
        return stack_frames(symbols, frames), stacked(chunks)

    def _chosen(self) -> Iterator[Chosen]:
        """The series that pass and have something in the span, some at a time."""
        size = self.block.sizes.get(INDEX_FILE)
        if size is None:
            raise BlockError(f"it has no {INDEX_FILE}")
        name, labels = self.block.name_of(INDEX_FILE), self.block.meta.series_labels
        header = self.kept.headers.of(self.block.meta.ulid, size)
        inner = [matcher for matcher in self.asked.matchers if matcher.name not in labels]
        refs = refs_of(header, inner, name, size, lambda wanted: self._bring(wanted, None))
        for a, b in runs(weights_of(refs * ALIGNED_BYTES), AT_ONCE):
            yield self._passing(header, name, refs[a:b])

    def _bring(self, wanted: Sequence[Wanted], known: Brought | None) -> Brought:
        if self.asked.is_late():
            raise StoreError("it did not answer in time (stores.timeout)")
        return self.kept.pages.bring(wanted, known)

    def _passing(self, header: Header, name: str, refs: Int64s) -> Chosen:
        """Those of some entries that pass and have something in the span."""
        size = min(self.block.sizes[INDEX_FILE], header.series_end)
        found = read_entries(name, size, refs, len(header.starts), self._bring)
        for k in np.flatnonzero(found.faults != SOUND).tolist():
            self._lose("series", f"entry {refs[k]} of the index: {entries.FAULTS[found.faults[k]]}")
        self.budget.spend(bytes=found.pairs.nbytes)
        wanted = self._wanted(found)
        labels = self._labels(header, found)
        filled = np.diff(np.concatenate([[0], np.cumsum(wanted)])[found.chunk_offsets]) > 0
        passes = filled & (found.faults == SOUND)
        passes &= passing(labels, self.asked.matchers)
        rows = np.flatnonzero(passes)
        self.budget.spend(series=len(rows))
        return Chosen(found, labels.take(rows), refs[rows], rows, wanted)

    def _some(self, chosen: Chosen, deleted: Tombstones) -> FetchedSeries:
        """The samples of some series; without samples they are all that was asked for."""
        labels = chosen.labels
        if not self.asked.with_samples:
            return FetchedSeries(labels, empty_samples(labels.rows), self.asked.span)
        samples = self._samples(chosen)
        samples = between(without_deleted(samples, chosen.refs, deleted), *self.asked.span)
        there = np.flatnonzero(np.diff(samples.offsets))
        return FetchedSeries(labels.take(there), take_rows(samples, there), self.asked.span)

    def _wanted(self, found: Entries) -> Bools:
        """Which chunks have something of the span."""
        first, last = self.asked.span
        is_wanted = (found.chunks[:, 0] <= last) & (found.chunks[:, 1] >= first)
        return np.asarray(is_wanted & (found.chunks[:, 2] >= 0))

    def _labels(self, header: Header, found: Entries) -> LabelFrame:
        numbers, places = np.unique(found.pairs, return_inverse=True)
        starts, lengths = header.starts[numbers], header.lengths[numbers]
        table = SymbolTable(max(1 << 16, self.budget.limits.bytes))
        if not table.has_room(len(numbers), int(lengths.sum())):
            raise StoreError("its labels are more text than is taken (stores.max-bytes)")
        codes = table.intern(header.symbols, starts, lengths)
        names, values = np.ascontiguousarray(codes[places.reshape(-1, 2)].T)
        symbols = Symbols(table)
        pairs = LabelPairs(found.label_offsets, names, values)
        labels = LabelFrame(symbols, len(found.faults), pairs=pairs)
        for name, value in self.block.meta.series_labels.items():
            column = np.full(labels.rows, symbols.code(value), np.int32)
            labels = labels.with_column(name, column)
        return labels

    def _samples(self, chosen: Chosen) -> Samples:
        parts = []
        for own, offsets in self._portions(chosen):
            parts.append(self._decoded(own, offsets))
            self.budget.spend(samples=len(parts[-1]))
        return stack(parts) if parts else empty_samples(0)

    def _portions(self, chosen: Chosen) -> Iterator[tuple[Int64s, Int64s]]:
        """The wanted chunks of chosen series, those of some series at a time, and where those of
        each begin among them."""
        found, rows = chosen.entries, chosen.rows
        counts = np.concatenate([[0], np.cumsum(chosen.wanted)])
        firsts, ends = counts[found.chunk_offsets[rows]], counts[found.chunk_offsets[rows + 1]]
        sizes = offsets_of(ends - firsts)
        own = np.flatnonzero(chosen.wanted)[ranges(firsts, sizes)]
        self.budget.spend(chunks=len(own))
        for a, b in runs(weights_of(found.chunks[own, 2])[sizes], AT_ONCE):
            yield found.chunks[own[sizes[a] : sizes[b]]], sizes[a : b + 1] - sizes[a]

    def _decoded(self, own: Int64s, offsets: Int64s) -> Samples:
        read = read_chunks(self.block.meta.ulid, self.block.sizes, own[:, 2], self._bring)
        self.budget.spend(bytes=int((read.chunks.ends - read.chunks.starts).sum()))
        if self.block.meta.resolution_ms:
            resolution_ms = self.block.meta.resolution_ms
            windows = Windows.of(self.asked.purpose, resolution_ms, is_known=True)
            samples, reasons = samples_of_parts(parts_of(read.chunks), offsets, windows)
        else:
            decoded = decode_series(read.chunks, offsets)
            samples, reasons = decoded.samples, decoded.reasons
        reasons = np.where(read.faults != FOUND, chunk_kinds.OK, reasons)
        self._note(own, read.faults, chunk_files.FAULTS)
        self._note(own, reasons, chunk_kinds.FAULTS)
        return samples

    def _note(self, own: Int64s, reasons: Int8s, texts: Sequence[str]) -> None:
        for k in np.flatnonzero(reasons != 0).tolist():
            ref = int(own[k, 2])
            place = f"chunk at byte {ref & 0xFFFFFFFF} of {chunk_files.file_name(ref >> 32)}"
            self._lose("chunks", f"{place}: {texts[reasons[k]]}")

    def _lose(self, what: str, why: str) -> None:
        self.losses.setdefault(what, []).append(why)

    def _tombstones(self) -> Tombstones:
        size = self.block.sizes.get(TOMBSTONES_FILE, 0)
        if not size or not self.asked.with_samples:
            return NO_TOMBSTONES
        name = self.block.name_of(TOMBSTONES_FILE)
        brought = self._bring([Wanted(name, size, np.zeros(1, np.int64), np.array([size]))], None)
        place = int(brought.places(name, np.zeros(1, np.int64))[0][0])
        return parse_tombstones(brought.buffer[place : place + size])


def weights_of(places: Int64s) -> Int64s:
    """What comes before each of some places of files, and before their end, in memory."""
    pages = places // PAGE_BYTES
    weights = np.ones(len(places) + 1, np.int64)
    weights[0] = 0
    weights[1:] += PAGE_WEIGHT
    weights[2:] -= PAGE_WEIGHT * (np.diff(pages) == 0)
    return np.cumsum(weights)


@contextmanager
def failing() -> Iterator[None]:
    """What makes a block unreadable as a StoreError."""
    try:
        yield
    except ObjectMissing as error:
        raise StoreError(f"it was deleted while it was read: {error}") from error
    except (BlockError, CorruptBody, StoreFailed) as error:
        raise StoreError(str(error)) from error
