"""Lists of stored texts as JSON: from the bytes that the storage keeps, without a Python text.

The list comes in blocks, so that a million values take little memory.
"""

from collections.abc import Iterator

import numpy as np

from api.answers.encoding import SUCCESS, TRUNCATED, Buffer, Notes, encode_texts
from api.answers.texts import dump, room_for
from storage.kernels.arrays import Bytes, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.labels.frames import Symbols

# So few are put together as Python texts.
FEW = 256
BLOCK_BYTES = 1 << 18
# Of each byte of a text at most, and of a text beside: ,""
BYTE_MAX, TEXT_MAX = 6, 3

COMMA, QUOTE, BACKSLASH = 44, 34, 92
ESCAPES = np.zeros(32, np.uint8)
ESCAPES[[8, 9, 10, 12, 13]] = np.frombuffer(b"btnfr", np.uint8)
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
U00 = np.frombuffer(b"u00", np.uint8)


def warned(blocks: Iterator[Buffer], warnings: tuple[str, ...]) -> Iterator[Buffer]:
    """The answer whose data are a list, which may have been truncated, with more warnings."""
    last: Buffer = b""
    for block in blocks:
        if last:
            yield last
        last = block
    content = bytes(last)
    for own in ((TRUNCATED,), ()):
        tail = Notes(own).encode()
        if content.endswith(tail):
            yield content[: -len(tail)] + Notes((*own, *warnings)).encode()
            return
    raise AssertionError("BUG: the end of an answer is not known")


def encode_codes(symbols: Symbols, codes: Int32s, *, limit: int) -> Iterator[Buffer]:
    """The answer whose data are the texts with these codes; `limit` of them, 0 for all."""
    truncated = 0 < limit < len(codes)
    if truncated:
        codes = codes[:limit]
    stored = symbols.stored(codes) if len(codes) > FEW else None
    notes = Notes(warnings=(TRUNCATED,)) if truncated else Notes()
    if stored is None:
        yield encode_texts(symbols.texts(codes), limit=0, notes=notes)
        return
    yield SUCCESS + b"["
    for part in by_bytes(codes, stored[1]):
        text = quoted(symbols, codes[part], stored)
        yield text[(1 if part.start == 0 else 0) :]
    yield b"]" + notes.encode()


def warm_listing() -> None:
    """Compile or load the kernels of lists. Blocks."""
    arena = np.frombuffer(b'a\n"\xc3\xbc', np.uint8).copy()
    offsets, codes = np.array([0, len(arena)], np.int64), np.zeros(1, np.int32)
    write_texts(arena, offsets, codes, room_for(BYTE_MAX * len(arena) + TEXT_MAX))


def by_bytes(codes: Int32s, offsets: Int64s) -> Iterator[slice]:
    """Stretches of codes with about BLOCK_BYTES of text each."""
    ends = np.cumsum(offsets[codes + 1] - offsets[codes] + TEXT_MAX)
    first = 0
    while first < len(codes):
        before = int(ends[first - 1]) if first else 0
        end = max(first + 1, int(np.searchsorted(ends, before + BLOCK_BYTES, "right")))
        yield slice(first, end)
        first = end


def quoted(symbols: Symbols, codes: Int32s, stored: tuple[Bytes, Int64s]) -> Buffer:
    """The texts as JSON, each with a comma before it."""
    arena, offsets = stored
    size = int((offsets[codes + 1] - offsets[codes]).sum())
    out = room_for(BYTE_MAX * size + TEXT_MAX * len(codes))
    end = write_texts(arena, offsets, codes, out)
    if end < 0:  # some bytes are no UTF-8
        return b"," + dump(symbols.texts(codes))[1:-1]
    return out[:end].data


@kernel
def write_texts(arena: Bytes, offsets: Int64s, codes: Int32s, out: Bytes) -> int:
    """Write each text with a comma before it and in quotes; returns where it ends, or -1 if some
    text is no UTF-8."""
    at = 0
    for i in range(len(codes)):
        out[at], out[at + 1] = COMMA, QUOTE
        at += 2
        k, end = offsets[codes[i]], offsets[codes[i] + 1]
        while k < end:
            c = arena[k]
            if c >= 128:
                size = size_of_character(arena, k, end)
                if size == 0:
                    return -1
                for j in range(size):
                    out[at + j] = arena[k + j]
                at, k = at + size, k + size
                continue
            k += 1
            if c in (QUOTE, BACKSLASH) or c < 32:
                at = write_escape(out, at, c)
            else:
                out[at] = c
                at += 1
        out[at] = QUOTE
        at += 1
    return at


@kernel
def write_escape(out: Bytes, at: int, c: int) -> int:
    """Write a character that JSON has no other way for."""
    out[at] = BACKSLASH
    if c >= 32:
        out[at + 1] = c
        return at + 2
    if ESCAPES[c] != 0:
        out[at + 1] = ESCAPES[c]
        return at + 2
    for j in range(3):
        out[at + 1 + j] = U00[j]
    out[at + 4], out[at + 5] = HEX[c >> 4], HEX[c & 15]
    return at + 6


@kernel
def size_of_character(text: Bytes, at: int, end: int) -> int:
    """The bytes of the character that begins here, 2 to 4; 0 if it is none of UTF-8."""
    first = text[at]
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC2 or first > 0xF4 or at + size > end:
        return 0
    second = text[at + 1]
    low, high = 0x80, 0xBF
    if first == 0xE0:
        low = 0xA0
    elif first == 0xED:
        high = 0x9F
    elif first == 0xF0:
        low = 0x90
    elif first == 0xF4:
        high = 0x8F
    if second < low or second > high:
        return 0
    for k in range(2, size):
        if text[at + k] < 0x80 or text[at + k] > 0xBF:
            return 0
    return size
