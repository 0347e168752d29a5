"""Label sets as bytes: the label fields of a remote write request, made of the columns of a frame.

A series is a run of fields `Label{name=1, value=2}` with number 1, sorted by name. Two label sets
are equal exactly if their bytes are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from storage.kernels.arrays import Bytes, Int64s
from storage.labels.frames import LabelFrame, label_sort_key

# Tags of fields of bytes.
FIRST, SECOND = b"\x0a", b"\x12"


def label_fields(labels: LabelFrame) -> tuple[Bytes, Int64s]:
    """(content, offsets): row i is content[offsets[i]:offsets[i+1]]."""
    fields = [b""]
    ids = np.zeros((labels.rows, len(labels.names)), np.int64)
    for column, name in enumerate(labels.names):
        codes, places = np.unique(labels.column(name), return_inverse=True)
        texts = labels.symbols.texts(codes)
        numbers = np.zeros(len(texts), np.int64)
        for k, text in enumerate(texts):
            if text:
                numbers[k] = len(fields)
                fields.append(label_field(name, text))
        ids[:, column] = numbers[places]
    lengths = np.array([len(field) for field in fields], np.int64)
    starts = np.cumsum(lengths) - lengths
    offsets = np.zeros(labels.rows + 1, np.int64)
    np.cumsum(lengths[ids].sum(axis=1), out=offsets[1:])
    return gathered(b"".join(fields), starts[ids.ravel()], lengths[ids.ravel()]), offsets


def fields_of(labelsets: Iterable[Iterable[tuple[str, str]]]) -> tuple[Bytes, Int64s]:
    """The same of label sets given one by one, as pairs sorted by name."""
    runs = [b"".join(label_field(*pair) for pair in pairs) for pairs in labelsets]
    offsets = np.zeros(len(runs) + 1, np.int64)
    np.cumsum(np.array([len(run) for run in runs], np.int64), out=offsets[1:])
    return np.frombuffer(b"".join(runs), np.uint8), offsets


def gathered(content: bytes, starts: Int64s, lengths: Int64s) -> Bytes:
    """The pieces of a text, one behind the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    places = np.repeat(starts - ends + lengths, lengths) + np.arange(total, dtype=np.int64)
    return np.frombuffer(content, np.uint8)[places]


def label_field(name: str, text: str) -> bytes:
    return field(FIRST, field(FIRST, label_sort_key(name)) + field(SECOND, label_sort_key(text)))


def field(tag: bytes, content: bytes) -> bytes:
    """A field of bytes, with its tag."""
    size, head = len(content), bytearray(tag)
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + content
