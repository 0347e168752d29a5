"""The tombstones of a block: which times of which series are deleted.

magic (4 bytes), version 1 (1 byte), entries, checksum of the entries (4 bytes). An entry is the ref
of a series (varint) and the first and the last deleted time (signed varints), both inclusive.
"""

from pathlib import Path

import numpy as np

from receiver.importing.errors import BlockError
from receiver.importing.tsdb.files import CHECKSUM_BYTES, check_sum, u32
from receiver.wire.messages import read_varint
from storage.chunks.series import pick
from storage.kernels.arrays import Bytes, Int64s, frozen
from storage.samples.samples import Samples

MAGIC, VERSION, HEADER_BYTES = 0x0130BA30, 1, 5

# ref of a series -> its deleted times
Tombstones = dict[int, list[tuple[int, int]]]


def read_tombstones(path: Path) -> Tombstones:
    """What is deleted; nothing where there is no file. Raises BlockError."""
    if not path.exists():
        return {}
    return parse_tombstones(frozen(np.fromfile(path, np.uint8)))


def parse_tombstones(data: Bytes) -> Tombstones:
    """What is deleted by the bytes of such a file. Raises BlockError."""
    if len(data) < HEADER_BYTES + CHECKSUM_BYTES or u32(data, 0) != MAGIC:
        raise BlockError("its tombstones do not begin like some")
    if data[4] != VERSION:
        raise BlockError(f"its tombstones have version {data[4]}; only {VERSION} is read")
    end = len(data) - CHECKSUM_BYTES
    check_sum(data, HEADER_BYTES, end, "tombstones")
    return parse(data[HEADER_BYTES:end].tobytes())


def parse(entries: bytes) -> Tombstones:
    found: Tombstones = {}
    at = 0
    while at < len(entries):
        ref, at = read_varint(entries, at, len(entries))
        first, at = read_varint(entries, at, len(entries))
        last, at = read_varint(entries, at, len(entries))
        found.setdefault(ref, []).append((unzigzag(first), unzigzag(last)))
    return found


def unzigzag(word: int) -> int:
    return word >> 1 ^ -(word & 1)


def without_deleted(samples: Samples, refs: Int64s, tombstones: Tombstones) -> Samples:
    """The samples of the series `refs` that are not deleted."""
    kept = np.ones(len(samples), np.bool_)
    for k in np.flatnonzero(np.isin(refs, list(tombstones))).tolist():
        own = slice(int(samples.offsets[k]), int(samples.offsets[k + 1]))
        times = samples.timestamps[own]
        for first, last in tombstones[int(refs[k])]:
            kept[own] &= (times < first) | (times > last)
    if kept.all():
        return samples
    owners = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    return pick(samples, np.flatnonzero(kept), owners[kept])
