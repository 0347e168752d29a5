"""The samples of a selection as frames of series, in the order of their labels.

Rows are read in the order in which they are stored, which is not the order of labels. So the rows
in order are taken in stretches of about STRETCH_SAMPLES samples, and these in blocks of rows as
they are stored, which threads read and encode. Of a stretch what was encoded is held until it is
sent; of the next ones, no more blocks are begun than there are threads.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import numpy as np

from api.answers.wire.fields import PADDING, LabelMessages
from api.endpoints.answer_guard import checking
from api.endpoints.handler import Slot
from api.errors import AnswerTooLarge
from api.promql.errors import QueryCanceled
from api.promql.queryable import Selection, expected_samples
from api.sources.query_limits import QueryLimits
from api.thanos.aggregates import chunks_of_windows, columns_for
from api.thanos.chunks import ChunkColumns, EncodedSelection, within
from api.thanos.messages import Pieces, encode_pieces, frames_of
from api.thanos.requests import SeriesRequest
from api.thanos.sharding import rows_of_shard
from storage.chunks.encoder import encode_series
from storage.errors import LimitExceeded
from storage.kernels.arrays import Int64s
from storage.kernels.stops import stoppable
from storage.labels.frames import LabelFrame
from storage.read.resolutions.mixing import AggregatedRows, MixedSelection
from storage.samples.samples import Samples, empty_samples

# Samples of rows that are encoded before the first of them is sent, and of those read at once.
STRETCH_SAMPLES, BLOCK_SAMPLES = 1 << 24, 1 << 19
BLOCK_ROWS = 1 << 10
# Rows of a stretch of which all is in memory, where reading them in any order costs the same: so
# the first are sent while the next are encoded.
MEMORY_ROWS = 1 << 12


@dataclass(frozen=True, slots=True)
class SeriesLimits:
    """Bytes of a frame, and of what is held encoded until it is sent."""

    frame_bytes_max: int
    held_bytes_max: int


@dataclass(frozen=True, slots=True)
class Threads:
    """Those that blocks are computed by, and how many there are; None: the one that asks."""

    executor: Executor | None
    count: int


ALONE = Threads(None, 0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows, as they are stored, and their order by labels."""

    selection: Selection
    labels: LabelFrame
    order: Int64s
    blocks: range


@dataclass(frozen=True, slots=True)
class Block:
    """The encoded rows of a block; samples: how many were read for it."""

    pieces: Pieces
    samples: int


def rows_in_order(labels: LabelFrame, request: SeriesRequest) -> Int64s:
    """The rows that are asked for, in the order of their labels."""
    order = labels.order()
    if request.shard is None:
        return order
    belongs = np.zeros(labels.rows, np.bool_)
    belongs[rows_of_shard(labels, request.shard)] = True
    return order[belongs[order]]


@dataclass(slots=True)
class SampleStream:
    """One answer: its series in order, stretch by stretch.

    sent, samples: series with chunks, and samples, so far.
    """

    selection: Selection
    request: SeriesRequest
    limits: SeriesLimits
    bounds: QueryLimits
    turn: Slot
    threads: Threads = ALONE
    sent: int = 0
    samples: int = 0

    def frames(self) -> Iterator[bytes]:
        """Raises QueryCanceled, LimitExceeded or AnswerTooLarge between two blocks."""
        labels = self.selection.labels.drop(self.request.without)
        order = rows_in_order(labels, self.request)
        self._check("series", len(order), self.bounds.series, "max_series_per_query")
        per_row = max(1, expected_samples(self.selection) // max(1, labels.rows))
        size = len(order)
        if can_pick(self.selection):
            size = max(BLOCK_ROWS, STRETCH_SAMPLES // per_row)
            if not expected_samples(self.selection):
                size = MEMORY_ROWS
        rows_max = max(1, min(BLOCK_ROWS, BLOCK_SAMPLES // per_row))
        begun: deque[Stretch] = deque()

        def work() -> Iterator[Callable[[], Block]]:
            for first in range(0, len(order), max(1, size)):
                stretch = self._stretch(labels, order[first : first + size], rows_max)
                begun.append(stretch)
                for row in stretch.blocks:
                    yield partial(self._block, stretch, row, rows_max)

        computed = in_turn(work(), self.threads)
        try:
            while (block := next(computed, None)) is not None:
                yield from self._sent(begun.popleft(), chain([block], computed))
                if self.request.limit and self.sent >= self.request.limit:
                    return
        finally:
            computed.close()

    def _stretch(self, labels: LabelFrame, order: Int64s, rows_max: int) -> Stretch:
        """Some rows in order, which are read as they are stored."""
        rows = np.sort(order)
        selection = self.selection
        if len(rows) < labels.rows and can_pick(selection):
            selection, labels = selection.pick(rows), labels.take(rows)  # type: ignore[attr-defined]
            order = np.searchsorted(rows, order)
        return Stretch(selection, labels, order, range(0, labels.rows, rows_max))

    def _sent(self, stretch: Stretch, computed: Iterator[Block]) -> Iterator[bytes]:
        """The frames of a stretch, whose blocks come next."""
        parts: list[Pieces] = []
        held = 0
        for block in islice(computed, len(stretch.blocks)):
            self.samples += block.samples
            self._check("samples", self.samples, self.bounds.samples, "max_samples_per_query")
            parts.append(block.pieces)
            held += len(block.pieces.content)
            if held > self.limits.held_bytes_max:
                raise AnswerTooLarge(
                    f"{held} bytes of chunks or more would have to be held to be sent in order; "
                    f"grpc.max-held-bytes allows {self.limits.held_bytes_max}"
                )
        joined, order = joined_pieces(parts), stretch.order
        counts = np.diff(joined.offsets)[order]
        if self.request.limit:
            shown = np.flatnonzero(counts)[: self.request.limit - self.sent]
            order, counts = order[shown], counts[shown]
        self.sent += int(np.count_nonzero(counts))
        places = np.repeat(joined.offsets[order], counts) + within(counts)
        yield from frames_of(
            joined.content,
            joined.bounds[places],
            joined.bounds[places + 1],
            batch=self.request.batch,
            bytes_max=self.limits.frame_bytes_max,
        )

    def _block(self, stretch: Stretch, first: int, rows_max: int) -> Block:
        """Some rows of a stretch, read and encoded."""
        if self.turn.cancelled():
            raise QueryCanceled("the request was canceled while its series were read")
        end = min(stretch.labels.rows, first + rows_max)
        with stoppable(checking(self.turn, is_timed=False)):
            messages = LabelMessages.of(stretch.labels.take(np.arange(first, end)))
            chunks, samples = self._chunks(stretch.selection, first, end)
            pieces = encode_pieces(messages, chunks, bytes_max=self.limits.frame_bytes_max)
        return Block(pieces, samples)

    def _chunks(self, selection: Selection, first: int, end: int) -> tuple[ChunkColumns, int]:
        """The chunks of rows, and how many samples and windows they are made of."""
        if isinstance(selection, EncodedSelection):
            return selection.chunks(first, end)
        if not isinstance(selection, MixedSelection):
            samples = selection.read(first, end)
            return raw_chunks(samples), len(samples)
        rows, count = np.arange(end - first), 0
        parts = [(rows[:0], raw_chunks(empty_samples(0)))]
        for part in selection.parts:
            if not isinstance(part, AggregatedRows):
                samples = part.read(first, end)
                count += len(samples)
                parts.append((rows, raw_chunks(samples)))
                continue
            for own, windows in part.windows(first, end, columns_for(self.request.parts)):
                count += len(windows)
                parts.append((own - first, chunks_of_windows(windows, self.request.parts)))
                if windows.histograms is not None:
                    count += len(windows.histograms.samples)
                    parts.append((own - first, raw_chunks(windows.histograms.samples)))
        return ChunkColumns.merged(parts, end - first), count

    def _check(self, what: str, got: int, allowed: int, name: str) -> None:
        """Raises LimitExceeded."""
        if 0 < allowed < got:
            raise LimitExceeded(
                f"exceeded {what} limit: the request has {got} or more, {name} in limits.file "
                f"allows {allowed}"
            )


def raw_chunks(samples: Samples) -> ChunkColumns:
    return ChunkColumns.raw(encode_series(samples))


def in_turn(work: Iterator[Callable[[], Block]], threads: Threads) -> Generator[Block, None, None]:
    """What all give, in order. While one is waited for, the next ones are computed. Whoever does
    not go on to the end closes this, which waits for the threads."""
    if threads.executor is None:
        yield from (each() for each in work)
        return
    waiting: deque[Future[Block]] = deque()
    try:
        for each in work:
            waiting.append(threads.executor.submit(each))
            if len(waiting) > threads.count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting)


def can_pick(selection: Selection) -> bool:
    """Whether some rows of a selection can be read alone."""
    return hasattr(selection, "pick") and bool(getattr(selection, "is_plain", False))


def joined_pieces(parts: list[Pieces]) -> Pieces:
    """The pieces of all, one behind the other, with PADDING behind them. Empties the list."""
    piece_offsets, bounds = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    for part in parts:
        piece_offsets.append(part.offsets[1:] + piece_offsets[-1][-1])
        bounds.append(part.bounds[1:] + bounds[-1][-1])
    content = np.concatenate([*(part.content for part in parts), np.zeros(PADDING, np.uint8)])
    parts.clear()
    return Pieces(np.concatenate(piece_offsets), np.concatenate(bounds), content)
