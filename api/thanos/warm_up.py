"""What compiles or loads the kernels of the StoreAPI, so that no querier waits for the compiler."""

import numpy as np

from api.answers.wire.fields import PADDING, LabelMessages
from api.thanos.aggregates import chunks_of_windows
from api.thanos.chunks import ChunkColumns
from api.thanos.messages import encode_label_pieces, encode_pieces, frames_of
from api.thanos.requests import COUNT, COUNTER, Shard
from api.thanos.sharding import shard_hashes
from storage.chunks.encoder import encode_series
from storage.downsampling.aggregates import RESOLUTION_5M_MS
from storage.downsampling.folding import fold
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples


def warm_store() -> None:
    """Encode a series with and without its samples, and find its shard. Blocks."""
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "b"}])
    messages = LabelMessages.of(labels)
    samples = Samples(np.array([0, 2]), np.arange(2), np.array([1.5, 2.0]))
    chunks = ChunkColumns.raw(encode_series(samples))
    for pieces in (encode_pieces(messages, chunks, bytes_max=1), encode_label_pieces(messages)):
        content = np.concatenate([pieces.content, np.zeros(PADDING, np.uint8)])
        bounds = pieces.bounds
        for _ in frames_of(content, bounds[:-1], bounds[1:], batch=2, bytes_max=1):
            pass
    chunks_of_windows(fold(samples, RESOLUTION_5M_MS), (COUNT, COUNTER))
    shard_hashes(labels, Shard(0, 2, False, frozenset()))
