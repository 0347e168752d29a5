"""Series, the one method of the StoreAPI that returns samples.

Series are sent in the order of their labels, after labels of replicas were taken off. Replicas are
not made one: that is up to who asks; but where they were before they were downsampled, they are so
in all of the answer. How samples are read and encoded is in `stream`.
"""

from collections.abc import Iterator

import numpy as np

from api.answers.wire.fields import PADDING, LabelMessages
from api.endpoints.handler import Call, Job, Slot
from api.params import ReplicaParams
from api.promql.queryable import Selection, losses_of
from api.sources.queriers import QuerierSource
from api.sources.store import Querier
from api.thanos.chunks import EncodedQuerier
from api.thanos.errors import Incomplete
from api.thanos.fields import message, text
from api.thanos.messages import encode_label_pieces, frames_of
from api.thanos.requests import SeriesRequest
from api.thanos.stream import ALONE, SampleStream, SeriesLimits, Threads, rows_in_order
from storage.labels.frames import LabelFrame
from storage.samples.hint import SelectHint

# Rows of a frame without chunks.
LABEL_ROWS = 1 << 10
# Nothing is made one here.
AS_STORED, MADE_ONE = ReplicaParams(False, None), ReplicaParams(True, None)
WARNING, HINTS = 2, 3
HINTS_TYPE = "type.googleapis.com/hintspb.SeriesResponseHints"


class SeriesHandlers:
    """The method over one store."""

    def __init__(
        self, source: QuerierSource, limits: SeriesLimits, threads: Threads = ALONE
    ) -> None:
        self._source = source
        self._limits = limits
        self._threads = threads

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
            bounds = self._source.limits(call.tenants)
            stream = SampleStream(selection, request, self._limits, bounds, turn, self._threads)
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
        for first in range(0, len(order), LABEL_ROWS):
            rows = labels.take(order[first : first + LABEL_ROWS])
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
