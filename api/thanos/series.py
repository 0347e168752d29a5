"""Series, the one method of the StoreAPI that returns samples.

Series are sent in the order of their labels, after labels of replicas were taken off. Replicas are
not made one: that is up to who asks; but where they were before they were downsampled, they are so
in all of the answer. Rows are read in the order in which they are stored, which is
not the order of labels. So the rows in order are taken in stretches of about STRETCH_SAMPLES
samples; of each what was encoded is held until it is sent, and nothing of the next one is read
before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.answers.wire.fields import PADDING, LabelMessages
from api.endpoints.handler import Call, Job, Slot
from api.errors import AnswerTooLarge
from api.params import ReplicaParams
from api.promql.errors import QueryCanceled
from api.promql.queryable import Selection, expected_samples, losses_of
from api.sources.queriers import QuerierSource
from api.sources.query_limits import QueryLimits
from api.sources.store import Querier
from api.thanos.aggregates import chunks_of_windows, columns_for
from api.thanos.chunks import ChunkColumns, EncodedQuerier, EncodedSelection, within
from api.thanos.errors import Incomplete
from api.thanos.fields import message, text
from api.thanos.messages import (
    Pieces,
    encode_label_pieces,
    encode_pieces,
    frames_of,
)
from api.thanos.requests import SeriesRequest
from api.thanos.sharding import rows_of_shard
from storage.chunks.encoder import encode_series
from storage.errors import LimitExceeded
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.read.resolutions.mixing import AggregatedRows, MixedSelection
from storage.samples.hint import SelectHint
from storage.samples.samples import Samples, empty_samples

# Samples of rows that are encoded before the first of them is sent, and of those read at once.
STRETCH_SAMPLES, BLOCK_SAMPLES = 1 << 24, 1 << 20
BLOCK_ROWS = 1 << 10
# Rows of a stretch of which all is in memory, where reading them in any order costs the same: so
# the first are sent while the next are encoded.
MEMORY_ROWS = 1 << 12
# Nothing is made one here.
AS_STORED, MADE_ONE = ReplicaParams(False, None), ReplicaParams(True, None)
WARNING, HINTS = 2, 3
HINTS_TYPE = "type.googleapis.com/hintspb.SeriesResponseHints"


@dataclass(frozen=True, slots=True)
class SeriesLimits:
    """Bytes of a frame, and of what is held encoded until it is sent."""

    frame_bytes_max: int
    held_bytes_max: int


class SeriesHandlers:
    """The method over one store."""

    def __init__(self, source: QuerierSource, limits: SeriesLimits) -> None:
        self._source = source
        self._limits = limits

    def series(self, call: Call) -> Job:
        """Raises BadData if the request cannot be understood."""
        request = SeriesRequest.decode(call.body)
        self._source.limits(call.tenants).check_length(request.start_ms, request.end_ms)
        return Job(lambda turn: self._frames(call, request, turn))

    def _frames(self, call: Call, request: SeriesRequest, turn: Slot) -> Iterator[bytes]:
        querier = self._querier(call, request)
        found: Iterator[bytes] = iter(())
        if request.start_ms > request.end_ms:
            pass
        elif request.skip_chunks:
            labels = querier.series([request.matchers], request.start_ms, request.end_ms)
            found = self._labels(labels.drop(request.without), request)
        else:
            selection = selected(querier, request)
            stream = SampleStream(
                selection, request, self._limits, self._source.limits(call.tenants), turn
            )
            found = stream.frames()
        losses = losses_of(querier)
        if losses and request.is_strict:
            raise Incomplete("; ".join(losses))
        yield from (text(WARNING, loss) for loss in losses)
        yield from found
        if request.wants_hints:
            yield message(HINTS, text(1, HINTS_TYPE))

    def _querier(self, call: Call, request: SeriesRequest) -> Querier:
        """Replicas are made one only where they were so before they were downsampled, and only for
        who sees no difference between their labels."""
        stored = self._source.querier(call.tenants, AS_STORED)
        if not (request.resolution_ms and request.parts) or has_encoded(stored):
            return stored
        made_one = self._source.querier(call.tenants, MADE_ONE)
        if not made_one.has_aggregates:
            return stored
        labels = stored.select(request.matchers, 0, 0).labels
        shown = set(self._source.replicas.labels) - request.without
        return stored if any(labels.has(name) for name in shown) else made_one

    def _labels(self, labels: LabelFrame, request: SeriesRequest) -> Iterator[bytes]:
        """Series without chunks."""
        order = rows_in_order(labels, request)
        order = order[: request.limit] if request.limit else order
        for first in range(0, len(order), BLOCK_ROWS):
            rows = labels.take(order[first : first + BLOCK_ROWS])
            pieces = encode_label_pieces(LabelMessages.of(rows))
            yield from frames_of(
                np.concatenate([pieces.content, np.zeros(PADDING, np.uint8)]),
                pieces.bounds[:-1],
                pieces.bounds[1:],
                batch=request.batch,
                bytes_max=self._limits.frame_bytes_max,
            )


def selected(querier: Querier, request: SeriesRequest) -> Selection:
    """What a request is about; encoded, if that is how the querier has it."""
    resolution_ms = request.resolution_ms if request.parts else 0
    if isinstance(querier, EncodedQuerier):
        span = request.start_ms, request.end_ms
        return querier.encoded(request.matchers, span, resolution_ms, request.parts)
    hint = SelectHint(resolution_ms=resolution_ms)
    return querier.select(request.matchers, request.start_ms, request.end_ms, hint)


def has_encoded(querier: Querier) -> bool:
    return isinstance(querier, EncodedQuerier)


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
        for first in range(0, len(order), max(1, size)):
            if self.request.limit and self.sent >= self.request.limit:
                return
            yield from self._stretch(labels, order[first : first + size], rows_max)

    def _stretch(self, labels: LabelFrame, order: Int64s, rows_max: int) -> Iterator[bytes]:
        """The frames of some rows in order, which are read as they are stored."""
        rows = np.sort(order)
        selection = self.selection
        if len(rows) < labels.rows and can_pick(selection):
            selection, labels = selection.pick(rows), labels.take(rows)  # type: ignore[attr-defined]
            order, rows = np.searchsorted(rows, order), np.arange(len(rows))
        parts: list[Pieces] = []
        held = 0
        for first in range(0, labels.rows, rows_max):
            end = min(labels.rows, first + rows_max)
            parts.append(self._block(selection, labels, first, end))
            held += len(parts[-1].content)
            if held > self.limits.held_bytes_max:
                raise AnswerTooLarge(
                    f"{held} bytes of chunks or more would have to be held to be sent in order; "
                    f"grpc.max-held-bytes allows {self.limits.held_bytes_max}"
                )
        if not parts:
            return
        joined = joined_pieces(parts)
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

    def _block(self, selection: Selection, labels: LabelFrame, first: int, end: int) -> Pieces:
        if self.turn.cancelled():
            raise QueryCanceled("the request was canceled while its series were read")
        messages = LabelMessages.of(labels.take(np.arange(first, end)))
        chunks = self._chunks(selection, first, end)
        return encode_pieces(messages, chunks, bytes_max=self.limits.frame_bytes_max)

    def _chunks(self, selection: Selection, first: int, end: int) -> ChunkColumns:
        if isinstance(selection, EncodedSelection):
            columns, samples = selection.chunks(first, end)
            self._count(samples)
            return columns
        if not isinstance(selection, MixedSelection):
            return self._raw(selection.read(first, end))
        rows = np.arange(end - first)
        parts = [(rows[:0], self._raw(empty_samples(0)))]
        for part in selection.parts:
            if not isinstance(part, AggregatedRows):
                parts.append((rows, self._raw(part.read(first, end))))
                continue
            for own, windows in part.windows(first, end, columns_for(self.request.parts)):
                self._count(len(windows))
                parts.append((own - first, chunks_of_windows(windows, self.request.parts)))
                if windows.histograms is not None:
                    parts.append((own - first, self._raw(windows.histograms.samples)))
        return ChunkColumns.merged(parts, end - first)

    def _raw(self, samples: Samples) -> ChunkColumns:
        self._count(len(samples))
        return ChunkColumns.raw(encode_series(samples))

    def _count(self, samples: int) -> None:
        """Raises LimitExceeded."""
        self.samples += samples
        self._check("samples", self.samples, self.bounds.samples, "max_samples_per_query")

    def _check(self, what: str, got: int, allowed: int, name: str) -> None:
        if 0 < allowed < got:
            raise LimitExceeded(
                f"exceeded {what} limit: the request has {got} or more, {name} in limits.file "
                f"allows {allowed}"
            )


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
