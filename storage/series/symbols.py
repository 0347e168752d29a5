"""The symbol table of one shard: label names and values as int32 codes.

Texts lie one after another in a byte arena. Interning is a kernel over spans of a buffer: it hashes
each span, compares bytes on a hit and appends what is new, so no text is ever a Python object on
the write path.

Invariants:
* Code 0 is the empty text. Codes are dense and never change.
* Only the shard's writer interns; readers may look up codes they already know at any time.
"""

from collections.abc import Hashable

import numpy as np
import pyarrow as pa

from storage.kernels.arrays import Bools, Bytes, Int32s, Int64s, UInt64s
from storage.kernels.hashing import hash64, random_key
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.memory import reserve
from storage.kernels.words import Place, load_byte
from storage.series.text_order import TextOrder

SYMBOLS_MAX = 1 << 28
FIRST_SLOTS = 1 << 12


class SymbolTable:
    """Texts <-> codes. Bounded by `bytes_max` of text and SYMBOLS_MAX texts."""

    def __init__(self, bytes_max: int) -> None:
        self.arena: Bytes = reserve(bytes_max, np.uint8)
        self.offsets: Int64s = reserve(SYMBOLS_MAX + 1, np.int64)
        self._hashes: UInt64s = reserve(SYMBOLS_MAX, np.uint64)
        self._slots: Int32s = np.zeros(FIRST_SLOTS, np.int32)
        self._key = random_key()
        self._state = np.zeros(1, np.int64)  # [number of symbols]
        self._order = TextOrder()
        self.intern(np.zeros(1, np.uint8), np.zeros(1, np.int64), np.zeros(1, np.int64))

    def __len__(self) -> int:
        return int(self._state[0])

    def has_room(self, count: int, size: int) -> bool:
        """Whether `count` new texts of `size` bytes together would still fit."""
        used = int(self.offsets[len(self)])
        return len(self) + count <= SYMBOLS_MAX and used + size <= len(self.arena)

    def intern(self, buffer: Bytes, starts: Int64s, lengths: Int64s) -> Int32s:
        """The codes of the texts buffer[starts[i]:starts[i]+lengths[i]], adding new ones.

        The caller has checked has_room() and the spans.
        """
        self._grow_slots(len(self) + len(starts))
        codes = np.empty(len(starts), np.int32)
        intern_spans(
            buffer, starts, lengths, self._key, self._slots, self._hashes,
            self.arena, self.offsets, self._state, codes,
        )  # fmt: skip
        return codes

    def find_all(self, buffer: Bytes, starts: Int64s, lengths: Int64s) -> Int32s:
        """The codes of the texts that intern() would give, -1 where a text is not known."""
        codes = np.empty(len(starts), np.int32)
        find_spans(
            buffer, starts, lengths, self._key, self._slots, self._hashes,
            self.arena, self.offsets, codes,
        )  # fmt: skip
        return codes

    def text(self, code: int) -> str:
        start, end = self.offsets[code], self.offsets[code + 1]
        return self.arena[start:end].tobytes().decode("utf-8", "surrogateescape")

    def find(self, text: str) -> int:
        """The code of a text, or -1."""
        raw = np.frombuffer(text.encode("utf-8", "surrogateescape") + b"\0", np.uint8)
        slots = self._slots  # grown by replacement: one lookup must not mix two tables
        return int(
            find_text(raw, len(raw) - 1, self._key, slots, self._hashes, self.arena, self.offsets)
        )

    def in_order(self, codes: Int32s, key: Hashable = None) -> Int32s:
        """These codes, each there once, in the byte order of their texts. key: of what they are the
        values, most of which were asked for before."""
        return self._order.of(self.arena, self.offsets, len(self), codes, key)

    def as_arrow(self) -> pa.Array:
        """All texts as an Arrow array over the arena itself, without a copy."""
        count = len(self)
        offsets = pa.py_buffer(self.offsets[: count + 1])
        data = pa.py_buffer(self.arena[: int(self.offsets[count])])
        return pa.LargeStringArray.from_buffers(count, offsets, data)

    def renewed(self, used: Bools) -> tuple["SymbolTable", Int32s]:
        """A table of those of the texts that are used, the empty one always being among them; and
        the new code of each old one, -1 if it is gone."""
        codes = np.flatnonzero(used)
        fresh = SymbolTable(len(self.arena))
        fresh._key = self._key
        copy_texts(self.arena, self.offsets, codes, fresh.arena, fresh.offsets)
        fresh._hashes[: len(codes)] = self._hashes[codes]
        fresh._state[0] = len(codes)
        fresh._slots = np.zeros(slots_for(len(codes)), np.int32)
        fill_slots(fresh._hashes, len(codes), fresh._slots)
        new_codes = np.full(len(used), -1, np.int32)
        new_codes[codes] = np.arange(len(codes), dtype=np.int32)
        return fresh, new_codes

    def _grow_slots(self, count: int) -> None:
        size = len(self._slots)
        if 2 * count <= size:
            return
        while size < 2 * count:
            size *= 2
        slots = np.zeros(size, np.int32)
        fill_slots(self._hashes, len(self), slots)
        self._slots = slots


def slots_for(count: int) -> int:
    """The size of a table that is at most half full with so many items."""
    return max(FIRST_SLOTS, 1 << (2 * count - 1).bit_length())


@kernel
def copy_texts(
    arena: Bytes, offsets: Int64s, codes: Int64s, out: Bytes, out_offsets: Int64s
) -> None:
    """Write the texts with these codes one after the other."""
    at = 0
    for k in range(len(codes)):
        for i in range(offsets[codes[k]], offsets[codes[k] + 1]):
            out[at] = arena[i]
            at += 1
        out_offsets[k + 1] = at


@kernel
def fill_slots(hashes: UInt64s, count: int, slots: Int32s) -> None:
    """Enter items 0..count-1 into an empty open-addressing table of item + 1."""
    mask = np.int64(len(slots) - 1)
    for item in range(count):
        slot = np.int64(hashes[item]) & mask
        while slots[slot] != 0:
            slot = (slot + 1) & mask
        slots[slot] = item + 1


@kernel_part
def find_span(
    base: Place,
    start: Place,
    length: Place,
    h: np.uint64,
    slots: Int32s,
    hashes: UInt64s,
    texts: Place,
    offsets: Int64s,
) -> Place:
    """The code of the text at base + start with hash h, or -1. texts: the arena's address."""
    mask = np.int64(len(slots) - 1)
    slot = np.int64(h) & mask
    while slots[slot] != 0:
        code = np.int64(slots[slot] - 1)
        begin = offsets[code]
        if hashes[code] == h and offsets[code + 1] - begin == length:
            same = True
            for k in range(length):
                if load_byte(texts, begin + k) != load_byte(base, start + k):
                    same = False
                    break
            if same:
                return code
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel
def find_text(
    text: Bytes,
    length: int,
    key: UInt64s,
    slots: Int32s,
    hashes: UInt64s,
    arena: Bytes,
    offsets: Int64s,
) -> Place:
    """The code of text[:length], or -1."""
    base = text.ctypes.data
    h = hash64(base, 0, length, key)
    return find_span(base, 0, length, h, slots, hashes, arena.ctypes.data, offsets)


@kernel
def find_spans(
    buffer: Bytes,
    starts: Int64s,
    lengths: Int64s,
    key: UInt64s,
    slots: Int32s,
    hashes: UInt64s,
    arena: Bytes,
    offsets: Int64s,
    codes: Int32s,
) -> None:
    """codes[i] = the code of span i, or -1."""
    base, texts = buffer.ctypes.data, arena.ctypes.data
    for i in range(len(starts)):
        start, length = starts[i], lengths[i]
        h = hash64(base, start, start + length, key)
        codes[i] = find_span(base, start, length, h, slots, hashes, texts, offsets)


@kernel
def intern_spans(
    buffer: Bytes,
    starts: Int64s,
    lengths: Int64s,
    key: UInt64s,
    slots: Int32s,
    hashes: UInt64s,
    arena: Bytes,
    offsets: Int64s,
    state: Int64s,
    codes: Int32s,
) -> None:
    """codes[i] = the code of span i; new texts are appended. slots must be at most half full
    after."""
    base, texts = buffer.ctypes.data, arena.ctypes.data
    mask = np.int64(len(slots) - 1)
    count = state[0]
    for i in range(len(starts)):
        start, length = starts[i], lengths[i]
        h = hash64(base, start, start + length, key)
        code = find_span(base, start, length, h, slots, hashes, texts, offsets)
        if code < 0:
            code = count
            begin = offsets[code]
            for k in range(length):
                arena[begin + k] = buffer[start + k]
            offsets[code + 1] = begin + length
            hashes[code] = h
            slot = np.int64(h) & mask
            while slots[slot] != 0:
                slot = (slot + 1) & mask
            # Last, so that a concurrent reader finds a complete text or none.
            slots[slot] = code + 1
            count += 1
        codes[i] = code
    state[0] = count
