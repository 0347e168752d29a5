"""Remote write 1.0 bodies with exemplars and metadata, for tests that need nothing else."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import cramjam

from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from tests.batches import DECODER
from tests.naive_exemplars import message

Points = Sequence[tuple[int, float]]
Exemplars = Sequence[tuple[int, float, Mapping[str, str]]]
# (labels, [(timestamp ms, value)], [(timestamp ms, value, labels)])
Series = tuple[Mapping[str, str], Points, Exemplars]
# (family, number of the type, help text, unit)
Told = tuple[str, int, str, str]


def body(series: Sequence[Series] = (), metadata: Sequence[Told] = ()) -> bytes:
    """A snappy body."""
    fields = [message(1, _series(*one)) for one in series]
    for name, kind, help_text, unit in metadata:
        texts = ((2, name), (4, help_text), (5, unit))
        entry = b"".join(message(number, text.encode()) for number, text in texts)
        fields.append(message(3, b"\x08" + bytes([kind]) + entry))
    return bytes(cramjam.snappy.compress_raw(b"".join(fields)))


def batch(series: Sequence[Series] = (), metadata: Sequence[Told] = ()) -> Batch:
    return DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, body(series, metadata))


def _series(labels: Mapping[str, str], points: Points, exemplars: Exemplars) -> bytes:
    fields = [_labels(labels)]
    fields += [message(2, _double(1, value) + _integer(2, time)) for time, value in points]
    fields += [
        message(3, _labels(own) + _double(2, value) + _integer(3, time))
        for time, value, own in exemplars
    ]
    return b"".join(fields)


def _labels(labels: Mapping[str, str]) -> bytes:
    pairs = sorted(labels.items())
    return b"".join(message(1, message(1, n.encode()) + message(2, v.encode())) for n, v in pairs)


def _double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def _integer(number: int, value: int) -> bytes:
    value %= 1 << 64
    out = bytearray([number << 3])
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
