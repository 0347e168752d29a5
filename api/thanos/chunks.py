"""What the samples of series are sent as: chunks, each of which has one or more parts.

A chunk of samples as they came has one part, RAW_PART. A chunk of windows has a part for each
aggregate of them that is asked for, all over the same windows.
"""

from dataclasses import dataclass

import numpy as np

from storage.chunks.encoder import EncodedSeries
from storage.kernels.arrays import Bytes, Int64s

# The fields of AggrChunk that hold parts.
RAW_PART, COUNT_PART, SUM_PART, MIN_PART, MAX_PART, COUNTER_PART = range(3, 9)


@dataclass(frozen=True, slots=True)
class ChunkColumns:
    """The chunks of n series: those of series i are offsets[i]:offsets[i+1], in order of time.

    first_ms, last_ms: of each chunk. Its parts are firsts[k]:firsts[k+1]; of each part: the field
    that it is, how it is encoded, and where its bytes are in `data`.
    """

    offsets: Int64s
    first_ms: Int64s
    last_ms: Int64s
    firsts: Int64s
    fields: Int64s
    encodings: Int64s
    starts: Int64s
    ends: Int64s
    data: Bytes

    @classmethod
    def raw(cls, encoded: EncodedSeries) -> "ChunkColumns":
        """Chunks of samples as they came."""
        count = len(encoded.starts)
        return cls(
            encoded.offsets,
            encoded.first_ms,
            encoded.last_ms,
            np.arange(count + 1, dtype=np.int64),
            np.full(count, RAW_PART, np.int64),
            encoded.encodings,
            encoded.starts,
            encoded.ends,
            encoded.data,
        )
