"""Small protobuf messages, written field by field as bytes.

As in proto3, a field that has its zero value is left out. Integers are those of int64 and uint64.
"""

import struct
from collections.abc import Mapping

from api.answers.wire.fields import FIXED64, VARINT, as_bytes, text_field, varint
from storage.labels.frames import label_sort_key

WORD = 1 << 64


def number(field: int, value: int) -> bytes:
    """An integer, a flag or a member of an enumeration."""
    return bytes([field << 3 | VARINT]) + varint(value % WORD) if value else b""


def real(field: int, value: float) -> bytes:
    """A double. Zero is left out, minus zero is not."""
    word = struct.pack("<d", value)
    return bytes([field << 3 | FIXED64]) + word if any(word) else b""


def text(field: int, value: str) -> bytes:
    return text_field(field, as_bytes(value)) if value else b""


def message(field: int, content: bytes) -> bytes:
    """A message, or raw bytes, that is there even if it is empty."""
    return text_field(field, content)


def label_messages(field: int, labels: Mapping[str, str]) -> bytes:
    """Labels as repeated messages, in the order of their names."""
    names = sorted(labels, key=label_sort_key)
    return b"".join(message(field, text(1, name) + text(2, labels[name])) for name in names)


def label_set(field: int, labels: Mapping[str, str]) -> bytes:
    """A message that holds labels alone."""
    return message(field, label_messages(1, labels))


def timestamp(field: int, time_ns: int) -> bytes:
    """A google.protobuf.Timestamp."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return message(field, number(1, seconds) + number(2, nanoseconds))
