"""The parts that protobuf messages are written from: numbers, texts, and label sets as bytes.

A label set is a run of label messages, one for each distinct pair of name and value of a frame,
which are made once and copied from then on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bytes, Int32s, Int64s
from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_word, store_word
from storage.labels.frames import LabelFrame, label_sort_key

# What is overwritten behind a place at most, and read behind the end of what is copied.
SPARE_BYTES = 16
PADDING = 8
SEVEN, CONTINUES = np.uint64(0x7F), np.uint64(0x80)
VARINT, FIXED64, LENGTH = 0, 1, 2


def tag(number: int, wire_type: int) -> np.uint64:
    """The first byte of a field with a number below 16."""
    assert 0 < number < 16, f"BUG: the tag of field {number} has more than a byte"
    return np.uint64(number << 3 | wire_type)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text_field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | LENGTH]) + varint(len(content)) + content


@kernel_part
def varint_size(value: np.uint64) -> Place:
    size = np.int64(1)
    while value >= CONTINUES:
        value >>= np.uint64(7)
        size += 1
    return size


@kernel_part
def put_varint(out: Place, at: Place, value: np.uint64) -> Place:
    while value >= CONTINUES:
        store_word(out, at, value & SEVEN | CONTINUES)
        value >>= np.uint64(7)
        at += 1
    store_word(out, at, value)
    return at + 1


@kernel_part
def put_number(out: Place, at: Place, field: np.uint64, value: np.uint64) -> Place:
    """A varint field."""
    store_word(out, at, field)
    return put_varint(out, at + 1, value)


@kernel_part
def put_fixed(out: Place, at: Place, field: np.uint64, word: np.uint64) -> Place:
    """A field of 8 bytes."""
    store_word(out, at, field)
    store_word(out, at + 1, word)
    return at + 9


@kernel_part
def put_head(out: Place, at: Place, field: np.uint64, length: Place) -> Place:
    """The tag and the length of a field whose content follows."""
    return put_number(out, at, field, np.uint64(length))


@kernel_part
def head_size(length: Place) -> Place:
    return 1 + varint_size(np.uint64(length))


@kernel_part
def copy_bytes(out: Place, at: Place, source: Place, start: Place, end: Place) -> Place:
    """Copy the bytes start:end from address `source`."""
    for i in range(0, end - start, 8):
        store_word(out, at + i, load_word(source, start + i))
    return at + end - start


@dataclass(frozen=True, slots=True)
class LabelMessages:
    """The label sets of a frame: row i is the messages ids[i], in their order, 0 for none; message
    k is content[starts[k]:starts[k+1]] with its tag. sizes: the bytes of each row."""

    ids: Int32s
    starts: Int64s
    content: Bytes
    sizes: Int64s

    @classmethod
    def of(
        cls,
        labels: LabelFrame,
        *,
        field: int = 1,
        empty: tuple[str, ...] = (),
        shown: Callable[[str], str] = str,
    ) -> "LabelMessages":
        """field: the number that labels have in the message around them; empty: labels that every
        row is to have, without a value where it has none; shown: how a name is written."""
        names = sorted({*labels.names, *empty}, key=label_sort_key)
        ids = np.zeros((labels.rows, len(names)), np.int32)
        messages = [b""]
        for column, name in enumerate(names):
            codes, places = np.unique(labels.column(name), return_inverse=True)
            numbers = np.zeros(len(codes), np.int32)
            own = text_field(1, as_bytes(shown(name)))
            for k, text in enumerate(labels.symbols.texts(codes.tolist())):
                if text or name in empty:
                    numbers[k] = len(messages)
                    messages.append(text_field(field, own + text_field(2, as_bytes(text))))
            ids[:, column] = numbers[places]
        lengths = np.array([len(message) for message in messages], np.int64)
        starts = np.concatenate(([0], np.cumsum(lengths)))
        content = np.frombuffer(bytearray(b"".join(messages) + bytes(PADDING)), np.uint8)
        return cls(ids, starts, content, lengths[ids].sum(axis=1))

    @property
    def columns(self) -> tuple[Int32s, Int64s, Bytes, Int64s]:
        return self.ids, self.starts, self.content, self.sizes


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@kernel_part
def put_labels(
    out: Place, at: Place, ids: Int32s, row: Place, starts: Int64s, content: Bytes
) -> Place:
    """The label messages of a row."""
    source = content.ctypes.data
    for i in range(ids.shape[1]):
        message = ids[row, i]
        if message:
            at = copy_bytes(out, at, source, starts[message], starts[message + 1])
    return at


def room_for(size: int) -> Bytes:
    return np.empty(size + SPARE_BYTES, np.uint8)
