"""Remote read: the samples of series as they are stored, as messages or as chunks.

Replicas are made one as in queries; stale markers are among the samples. Blocks of rows are read
and encoded one after another, so that beside what is read at once only what was encoded is held.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import cramjam
import numpy as np

from api.answers.encoding import Buffer
from api.answers.wire.fields import PADDING, LabelMessages
from api.answers.wire.frames import encode_frames, in_order
from api.answers.wire.samples import encode_response, encode_samples
from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData
from api.params import replica_params
from api.promql.errors import QueryCanceled
from api.promql.queryable import Selection
from api.read_request import ReadQuery, ReadRequest, ResponseType, decode_request
from api.sources.queriers import QuerierSource
from storage.chunks.encoder import encode_series
from storage.labels.frames import LabelFrame
from storage.samples.samples import Samples

# cramjam ships no types.
snappy: Any = cast(Any, cramjam).snappy

SAMPLES = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
CHUNKS = {"Content-Type": "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"}
# Rows that are read and encoded at once.
BLOCK_ROWS = 1 << 10


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Samples and queries of a request, bytes of a frame, and of a body uncompressed."""

    samples_max: int
    queries_max: int
    frame_bytes_max: int
    body_bytes_max: int


class RemoteReadHandlers:
    """The endpoint over one store."""

    def __init__(self, source: QuerierSource, limits: ReadLimits) -> None:
        self._source = source
        self._limits = limits

    def read(self, call: Call) -> Job:
        limits = self._limits
        request = decode_request(
            call.body, bytes_max=limits.body_bytes_max, queries_max=limits.queries_max
        )
        replica_params(call.params)  # a wrong one is found before the answer begins
        if request.response is ResponseType.SAMPLES:
            return Job(
                lambda turn: self._samples(call, request, turn), headers=SAMPLES, compact=True
            )
        return Job(lambda turn: self._chunks(call, request, turn), headers=CHUNKS, compact=True)

    def _samples(self, call: Call, request: ReadRequest, turn: Slot) -> Iterator[Buffer]:
        """One snappy block. Raises BadData above the limit of samples."""
        results, count = [], 0
        for query in request.queries:
            parts = []
            for labels, samples in blocks_of(self._select(call, query), turn):
                count += len(samples)
                if count > self._limits.samples_max:
                    raise BadData(
                        f"exceeded sample limit ({self._limits.samples_max}), which is "
                        "api.remote-read.max-samples"
                    )
                parts.append(encode_samples(LabelMessages.of(labels), samples))
            results.append(b"".join(parts))
        yield bytes(snappy.compress_raw(encode_response(results)))

    def _chunks(self, call: Call, request: ReadRequest, turn: Slot) -> Iterator[Buffer]:
        """The frames of all queries, those of each in the order of its series."""
        for number, query in enumerate(request.queries):
            selection = self._select(call, query)
            parts, offsets = [], [np.zeros(1, np.int64)]
            for labels, samples in blocks_of(selection, turn):
                frames = encode_frames(
                    LabelMessages.of(labels),
                    encode_series(samples),
                    query=number,
                    frame_bytes_max=self._limits.frame_bytes_max,
                )
                parts.append(frames.content[: frames.offsets[-1]])
                offsets.append(frames.offsets[1:] + offsets[-1][-1])
            content = np.concatenate([*parts, np.zeros(PADDING, np.uint8)])
            yield from in_order(content, np.concatenate(offsets), selection.labels.order())

    def _select(self, call: Call, query: ReadQuery) -> Selection:
        querier = self._source.querier(call.tenants, replica_params(call.params))
        return querier.select(query.matchers, query.start_ms, query.end_ms)


def blocks_of(
    selection: Selection, turn: Slot, rows_max: int = BLOCK_ROWS
) -> Iterator[tuple[LabelFrame, Samples]]:
    """The rows of a selection in blocks, with their samples. Raises QueryCanceled."""
    rows = selection.labels.rows
    for first in range(0, rows, rows_max):
        if turn.cancelled():
            raise QueryCanceled("remote read was canceled")
        end = min(rows, first + rows_max)
        yield selection.labels.take(np.arange(first, end)), selection.read(first, end)
