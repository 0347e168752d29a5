"""The part of the series that one of several queries is about, as Thanos shards them.

The hash of a series is that of `name 0xff value 0xff ...` over the labels that count, by name.
"""

import numpy as np

from api.answers.wire.fields import PADDING, as_bytes, put_labels, room_for
from api.thanos.requests import Shard
from storage.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.xxhash64 import xxhash64
from storage.labels.frames import LabelFrame

SEPARATOR = b"\xff"


@kernel
def hash_rows(ids: Int32s, starts: Int64s, content: Bytes, scratch: Bytes, hashes: UInt64s) -> None:
    """hashes[i] = the hash of the texts ids[i], 0 standing for none, one behind the other."""
    out = scratch.ctypes.data
    for row in range(len(hashes)):
        hashes[row] = xxhash64(out, 0, put_labels(out, 0, ids, row, starts, content))


def shard_hashes(labels: LabelFrame, shard: Shard) -> UInt64s:
    """The hash of each row."""
    names = [name for name in labels.names if (name in shard.names) is shard.is_by]
    ids, texts = np.zeros((labels.rows, len(names)), np.int32), [b""]
    for column, name in enumerate(names):
        codes, places = np.unique(labels.column(name), return_inverse=True)
        numbers = np.zeros(len(codes), np.int32)
        for k, text in enumerate(labels.symbols.texts(codes.tolist())):
            if text:
                numbers[k] = len(texts)
                texts.append(as_bytes(name) + SEPARATOR + as_bytes(text) + SEPARATOR)
        ids[:, column] = numbers[places]
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    content = np.frombuffer(bytearray(b"".join(texts) + bytes(PADDING)), np.uint8)
    scratch = room_for(int(lengths[ids].sum(axis=1).max(initial=0)))
    hashes = np.empty(labels.rows, np.uint64)
    hash_rows(ids, starts, content, scratch, hashes)
    return hashes


def rows_of_shard(labels: LabelFrame, shard: Shard) -> Int64s:
    """The rows that belong to a shard, ascending."""
    return np.flatnonzero(shard_hashes(labels, shard) % np.uint64(shard.total) == shard.index)
