"""Metadata of requests for tests, made of plain texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash

from storage.batch import RawMetadata

# (name, number of the type, help text, unit)
Told = tuple[str | bytes, int, str | bytes, str | bytes]


def raw_metadata(told: Sequence[Told], *, named_by_series: bool = False) -> RawMetadata:
    """The columns of a request that tells this, with hashes of each entry as a whole."""
    buffer = bytearray(b"\xff")
    spans = []
    for name, _, help_text, unit in told:
        row = []
        for text in (name, help_text, unit):
            raw = text if isinstance(text, bytes) else text.encode()
            row += [len(buffer), len(buffer) + len(raw)]
            buffer += raw
        spans.append(row)
    hashes = [xxhash.xxh3_128_intdigest(repr(entry).encode()) for entry in told]
    return RawMetadata(
        buffer=np.frombuffer(bytes(buffer), np.uint8).copy(),
        spans=np.array(spans, np.int64).reshape(-1, 6),
        kinds=np.array([entry[1] for entry in told], np.int8),
        hash_low=np.array([h & (1 << 64) - 1 for h in hashes], np.uint64),
        hash_high=np.array([h >> 64 for h in hashes], np.uint64),
        named_by_series=named_by_series,
    )
