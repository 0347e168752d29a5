"""The kernel that uncompresses LZ4 blocks (LZ4_RAW in Parquet), within other kernels.

A block is a run of sequences: a token with two lengths of four bits each, which go on in bytes of
255 and a last one; so many literal bytes; then, but for the last sequence, how far back (two bytes)
lies what is repeated, four bytes longer than its length says.
"""

from typing import Any

import numpy as np

from storage.kernels.arrays import Bytes
from storage.kernels.jit import kernel

LONG = 15
MATCH_MIN = 4


@kernel
def uncompress_lz4(data: Bytes, at: Any, end: int, out: Bytes) -> Any:
    """Fill `out` with what data[at:end] says; False if that is damaged or not as much."""
    to: Any = 0
    more: Any
    while at < end:
        token = np.int64(data[at])
        at += 1
        literals: Any = token >> 4
        length: Any = token & 15
        if literals == LONG:
            more = 255
            while more == 255:
                if at >= end:
                    return False
                more = np.int64(data[at])
                literals += more
                at += 1
        if literals > end - at or literals > len(out) - to:
            return False
        source, room = data[at : at + literals], out[to : to + literals]
        for k in range(literals):
            room[k] = source[k]
        at += literals
        to += literals
        if at == end:
            return to == len(out)
        if end - at < 2:
            return False
        back = np.int64(data[at]) | np.int64(data[at + 1]) << 8
        at += 2
        if length == LONG:
            more = 255
            while more == 255:
                if at >= end:
                    return False
                more = np.int64(data[at])
                length += more
                at += 1
        length += MATCH_MIN
        if back == 0 or back > to or length > len(out) - to:
            return False
        if back >= length:
            room, source = out[to : to + length], out[to - back : to - back + length]
            for k in range(length):
                room[k] = source[k]
        else:
            for k in range(to, to + length):
                out[k] = out[k - back]
        to += length
    return False
