"""What is known of the elected replica of a series, and how the log of a shard keeps it.

A replica reigns over a stretch of sample times: its samples there are stored, those of others are
not. The log holds the reigns of a tenant after its rules, where a file begins that may be the first
to be replayed:

    uncompressed:u32 zstd(count:u32 ids:i64[count] reigns)      (little-endian, by columns of REIGN)
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.kernels.arrays import Int64s

Reigns = NDArray[Any]
Reign = Any  # a record of them, whose fields are attributes in kernels

# Replicas are hashes, 0 is none. Times are of samples, but heard_ms and step_ms, which are of the
# receiver's clock. Levels are values, of histograms their counts.
REIGN = np.dtype(
    [
        ("elected", "<u8"),
        ("heard_ms", "<i8"),  # when its newest request came
        ("step_ms", "<i8"),  # how far apart its requests come; 0: not known
        ("newest_ms", "<i8"),  # its newest sample, and the value of that
        ("newest_level", "<f8"),
        ("since_ms", "<i8"),  # its oldest sample that is stored, and the value of that
        ("since_level", "<f8"),
        ("previous", "<u8"),  # who reigned before
        ("until_ms", "<i8"),  # and the newest sample of that, and the value
        ("until_level", "<f8"),
    ]
)
SERIES_PER_RECORD_MAX = 1 << 18
_UNCOMPRESSED, _COUNT = struct.Struct("<I"), struct.Struct("<I")


def encode_reigns(ids: Int64s, reigns: Reigns) -> Iterator[bytes]:
    """Payloads for records of the log. ids: of the series, one for each reign."""
    for first in range(0, len(ids), SERIES_PER_RECORD_MAX):
        part = slice(first, first + SERIES_PER_RECORD_MAX)
        columns = [ids[part].astype("<i8"), *(reigns[name][part] for name in REIGN.names or ())]
        content = _COUNT.pack(len(columns[0])) + b"".join(column.tobytes() for column in columns)
        packed = pa.compress(content, codec="zstd", asbytes=True)
        yield _UNCOMPRESSED.pack(len(content)) + packed


def decode_reigns(payload: bytes) -> tuple[Int64s, Reigns]:
    """The ids and reigns of a record. Raises ValueError if it is damaged."""
    if len(payload) < _UNCOMPRESSED.size:
        raise ValueError(f"{len(payload)} bytes of elections; {_UNCOMPRESSED.size} are the least")
    (size,) = _UNCOMPRESSED.unpack_from(payload)
    size_max = _COUNT.size + SERIES_PER_RECORD_MAX * (8 + REIGN.itemsize)
    if size > size_max:
        raise ValueError(f"{size} bytes of elections in a record; at most {size_max} are allowed")
    try:
        content = pa.decompress(
            payload[_UNCOMPRESSED.size :], size, codec="zstd", asbytes=True
        )  # fmt: skip
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"elections cannot be unpacked: {error}") from error
    (count,) = _COUNT.unpack_from(content) if size >= _COUNT.size else (-1,)
    if size != _COUNT.size + count * (8 + REIGN.itemsize):
        raise ValueError(f"{size} bytes of elections do not hold those of {count} series")
    reigns = np.zeros(count, REIGN)
    ids = np.frombuffer(content, "<i8", count, _COUNT.size).astype(np.int64)
    for k, name in enumerate(REIGN.names or (), 1):
        at = _COUNT.size + 8 * count * k
        reigns[name] = np.frombuffer(content, REIGN[name], count, at)
    return ids, reigns
