"""Frames of series as columns: label sets, each once, and their samples.

Frames are decoded in parts while others arrive, so of the encoded bytes never more than one part
is in memory. A series may go on in later frames, come back, or have chunks that overlap.

Invariants:
* What does not pass the matchers that were asked with is not there.
* Of equal times of a series the sample that came first is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from receiver.stores.errors import LyingStore
from receiver.stores.limits import Budget
from receiver.stores.storeapi import aggregates
from receiver.stores.storeapi.aggregates import Damage
from receiver.stores.storeapi.frames import (
    AGGREGATES,
    ENCODING,
    END,
    KIND,
    OWNER,
    START,
    FrameError,
    Scanned,
    scan,
)
from receiver.stores.windows import Windows
from receiver.wire.messages import message_field
from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import COUNT_BYTES, FAULTS, OK, XOR, Chunks
from storage.chunks.series import decode_series, in_order
from storage.kernels.arrays import Bytes, Int32s, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.labels.pairs import LabelPairs
from storage.labels.passing import passing_any
from storage.read.joined.fetched import FetchedSeries
from storage.samples.merge import between, merge, pick, sort_rows, stack, take_rows
from storage.samples.samples import Samples, empty_samples
from storage.series.symbols import SymbolTable

PART_BYTES, PART_FRAMES = 4 << 20, 4_096
# What a frame costs besides its bytes, so that empty ones come to an end, too.
FRAME_BYTES = 16
RAW = AGGREGATES.index("raw")
MatcherSets = Sequence[Sequence[Matcher]]
Span = tuple[int, int]


@dataclass(slots=True)
class Collector:
    """What came of one answer so far. of_read: its frames are those of remote read; windows: what
    is taken of downsampled series, None: nothing. damaged: of chunks, the number and an example of
    why."""

    budget: Budget
    with_samples: bool = True
    of_read: bool = False
    windows: Windows | None = None
    warnings: list[str] = field(default_factory=list)
    damaged: int = 0
    fault: str = ""
    _waiting: list[bytes] = field(default_factory=list)
    _waiting_bytes: int = 0
    _symbols: SymbolTable = field(init=False)
    _counts: list[Int64s] = field(default_factory=list)
    _pairs: list[Int32s] = field(default_factory=list)
    _samples: list[Samples] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._symbols = SymbolTable(max(1 << 16, self.budget.limits.bytes))

    def add(self, frame: bytes) -> None:
        """Take a frame. Raises LyingStore."""
        self.budget.spend(bytes=len(frame) + FRAME_BYTES)
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        if self._waiting_bytes >= PART_BYTES or len(self._waiting) >= PART_FRAMES:
            self.decode()

    def decode(self) -> None:
        """Make columns of what has come. Raises LyingStore."""
        frames, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if not frames:
            return
        buffer = np.frombuffer(b"".join(frames) + bytes(SPARE_BYTES), np.uint8)
        try:
            ends = np.cumsum([len(frame) for frame in frames])
            found = scan(buffer, ends, of_read=self.of_read)
        except FrameError as error:
            raise LyingStore(str(error)) from error
        for start, end in found.warnings.tolist():
            self.warnings.append(buffer[start:end].tobytes().decode(errors="replace"))
        self.budget.spend(series=len(found.label_offsets) - 1, chunks=len(found.pieces))
        self._take_labels(buffer, found)
        if self.with_samples:
            self._take_samples(buffer, found)

    def _take_labels(self, buffer: Bytes, found: Scanned) -> None:
        spans = np.ascontiguousarray(found.labels.reshape(-1, 2).T)
        if not self._symbols.has_room(len(spans[0]), int(spans[1].sum())):
            raise LyingStore("its labels are more text than is taken (stores.max-bytes)")
        codes = self._symbols.intern(buffer, spans[0], spans[1]).reshape(-1, 2)
        counts = np.diff(found.label_offsets)
        filled = (codes != 0).all(axis=1)
        if not filled.all():  # an empty value is that of an absent label, and no name names none
            kept = np.concatenate([[0], np.cumsum(filled)])
            counts = np.diff(kept[found.label_offsets])
            codes = codes[filled]
        self._counts.append(counts)
        self._pairs.append(codes)

    def _take_samples(self, buffer: Bytes, found: Scanned) -> None:
        series, pieces = len(found.label_offsets) - 1, found.pieces
        raw = pieces[pieces[:, KIND] == RAW]
        chunks = Chunks(
            buffer,
            np.ascontiguousarray(raw[:, START]),
            np.ascontiguousarray(raw[:, END]),
            raw[:, ENCODING] + (0 if self.of_read else XOR),
        )
        self.budget.spend(samples=stated_samples(chunks))
        offsets = np.searchsorted(raw[:, OWNER], np.arange(series + 1))
        decoded = decode_series(chunks, offsets)
        wrong = np.flatnonzero(decoded.reasons != OK)
        if len(wrong):
            self._note(Damage(len(wrong), int(decoded.reasons[wrong[0]])))
        samples = decoded.samples
        if self.windows is not None and len(raw) < len(pieces):
            self.budget.spend(samples=stated_samples(aggregates.chunks_at(buffer, pieces)))
            coarse, damage = aggregates.samples_of_pieces(buffer, pieces, series, self.windows)
            self._note(damage)
            samples = merge(samples, coarse)
        self._samples.append(samples)

    def _note(self, damage: Damage) -> None:
        if damage.count:
            self.damaged += damage.count
            self.fault = FAULTS[damage.reason]

    def add_samples(self, labels: Sequence[bytes], samples: Samples) -> None:
        """Take series whose samples are not in chunks. labels: the label fields of each. Raises
        LyingStore."""
        frames = [message_field(1, own) for own in labels]
        buffer = np.frombuffer(b"".join(frames) + bytes(SPARE_BYTES), np.uint8)
        found = scan(buffer, np.cumsum([len(frame) for frame in frames]))
        self.budget.spend(series=len(labels), samples=len(samples))
        self._take_labels(buffer, found)
        self._samples.append(samples)

    def finished(self, matcher_sets: MatcherSets, span: Span) -> tuple[FetchedSeries, int]:
        """All that came, and how many series were left out because they pass none of the sets.
        Raises LyingStore."""
        self.decode()
        labels = self._labels()
        groups, firsts = labels.group(labels.names)
        labels = labels.take(firsts)
        samples = empty_samples(len(firsts))
        if self.with_samples and self._samples:
            samples = between(joined(stack(self._samples), groups, len(firsts)), *span)
        rows = np.flatnonzero(passing_any(labels, matcher_sets))
        wrong = labels.rows - len(rows)
        if wrong:
            labels, samples = labels.take(rows), take_rows(samples, rows)
        return FetchedSeries(labels, samples, span), wrong

    def _labels(self) -> LabelFrame:
        counts = np.concatenate([np.zeros(1, np.int64), *self._counts])
        pairs = np.concatenate([np.zeros((0, 2), np.int32), *self._pairs])
        names, values = np.ascontiguousarray(pairs.T)
        offsets = np.cumsum(counts)
        symbols = Symbols(self._symbols)
        return LabelFrame(symbols, len(offsets) - 1, pairs=LabelPairs(offsets, names, values))


def stated_samples(chunks: Chunks) -> int:
    """How many samples chunks say they have."""
    whole = np.flatnonzero(chunks.ends - chunks.starts >= COUNT_BYTES)
    starts = chunks.starts[whole]
    return int((chunks.buffer[starts].astype(np.int64) << 8 | chunks.buffer[starts + 1]).sum())


def distinct(labels: LabelFrame, samples: Samples) -> tuple[LabelFrame, Samples]:
    """Series that have become the same as one."""
    groups, firsts = labels.group(labels.names)
    return labels.take(firsts), joined(samples, groups, len(firsts))


def joined(samples: Samples, groups: Int64s, count: int) -> Samples:
    """Rows that are of one series as one. groups: the series of each row, from 0 up in order of
    appearance."""
    if count == len(groups):
        return samples
    order = np.argsort(groups, kind="stable")
    samples = take_rows(samples, order)
    ends = np.searchsorted(groups[order], np.arange(count), side="right")
    offsets = samples.offsets[np.concatenate([[0], ends])]
    found = replace(samples, offsets=offsets)
    if found.weights is None:
        return in_order(found)
    rows = np.repeat(np.arange(count), np.diff(offsets))
    return pick(found, *sort_rows(rows, found.timestamps, count))
