"""The kernels that decode pages of Parquet: what is written of a column's values, one by one.

A page is bytes; that a page is whole is not known, so nothing is read out of its bounds, and each
decoder says whether it found what it should.

    delta      a first number, then blocks of differences: of each block the least one, and above it
               so many bits for each difference of a miniblock (DELTA_BINARY_PACKED)
    split      the first bytes of all values, then their second bytes, ... (BYTE_STREAM_SPLIT)
"""

from typing import Any

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Float64s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.thrift import DAMAGED, read_message, read_number, read_varint
from storage.kernels.vectors import (
    LANES,
    WIDTHS,
    sums_of_medium,
    sums_of_narrow,
    sums_of_wide,
)
from storage.kernels.words import load_word
from storage.samples.edges import ANYWHERE
from storage.segments.encoding.lz4 import uncompress_lz4
from storage.segments.encoding.scaling import from_integers

DATA_PAGE = 0
# Where the fields are that a header of a data page has (storage.kernels.thrift).
TYPE, PLAIN_BYTES, STORED_BYTES = 1, 2, 3
VALUES, ENCODING, LEVELS = 161, 162, 163
HEADER_FIELDS = 64
WORD_BITS = 64
VALUE_BYTES = 8
LEVELS_LENGTH_BYTES = 4
# As Parquet numbers them: compressions, and encodings.
UNCOMPRESSED, ZSTD, LZ4 = 0, 6, 7
# Uncompressed since it was read, behind a header that says how it was stored.
EXPANDED = 1 << 20
PLAIN, DELTA, SPLIT = 0, 5, 9
# Differences of so many bits above one that is not negative are not, either.
RISING_BITS = 62
SCRATCH_WORDS = 1 << 12  # beyond two words a value: widths, levels


@kernel
def read_page_header(data: Bytes, at: int, end: int, header: Int64s) -> int:
    """Where the page behind a header begins; DAMAGED if it is none of a data page.

    header gets: bytes of the page uncompressed, bytes as stored, values, encoding, encoding of the
    definition levels.
    """
    found = np.empty((HEADER_FIELDS, 3), np.int64)
    count, body = read_message(data, at, end, found)
    if body < 0 or count > HEADER_FIELDS:
        return DAMAGED
    header[:] = DAMAGED
    for i in range(count):
        place, number = found[i, 0], found[i, 1]
        if place == TYPE and number != DATA_PAGE:
            return DAMAGED
        if place in (PLAIN_BYTES, STORED_BYTES):
            header[place - PLAIN_BYTES] = number
        if VALUES <= place <= LEVELS:
            header[2 + place - VALUES] = number
    if header.min() < 0 or header[1] > end - body:
        return DAMAGED
    return body


@kernel_part
def word_at(page: Bytes, at: int) -> Any:
    """The eight bytes from `at` on, as far as there are so many."""
    word = np.uint64(0)
    for i in range(min(8, len(page) - at)):
        word |= np.uint64(page[at + i]) << np.uint64(8 * i)
    return word


@kernel
def add_differences(
    page: Bytes,
    words: UInt64s,
    first_bit: int,
    width: int,
    least: int,
    before: int,
    out: Int64s,
) -> Any:
    """Fill out with the sums of `before` and differences of `width` bits, `least` added to each;
    returns the last. words: the whole words of the page."""
    value: Any = before
    if width == 0:
        for k in range(len(out)):
            value += least
            out[k] = value
        return value
    mask = ~np.uint64(0) >> np.uint64(WORD_BITS - width)
    bit = first_bit
    # A difference and the bits before it in its first byte are within a word.
    if width <= WORD_BITS - 7 and (bit + len(out) * width) // 8 + VALUE_BYTES <= len(page):
        address = page.ctypes.data
        for k in range(len(out)):
            eight = load_word(address, bit >> 3) >> np.uint64(bit & 7)
            value += least + np.int64(eight & mask)
            out[k] = value
            bit += width
        return value
    if (first_bit + len(out) * width) // WORD_BITS + 1 < len(words):
        for k in range(len(out)):
            word, shift = bit >> 6, np.uint64(bit & 63)
            # Not shifted by 64 at once, which would be undefined.
            high = (words[word + 1] << np.uint64(1)) << (np.uint64(63) - shift)
            value += least + np.int64(((words[word] >> shift) | high) & mask)
            out[k] = value
            bit += width
        return value
    for k in range(len(out)):
        word, shift = (bit >> 6) * VALUE_BYTES, np.uint64(bit & 63)
        high = (word_at(page, word + VALUE_BYTES) << np.uint64(1)) << (np.uint64(63) - shift)
        value += least + np.int64(((word_at(page, word) >> shift) | high) & mask)
        out[k] = value
        bit += width
    return value


@kernel
def add_eights(
    source: int, page_left: int, width: int, least: int, before: int, target: int, count: int
) -> tuple[Any, Any]:
    """As add_differences(), eight at a time, as far as whole words of the page have them: of the
    differences from an address on, with so many bytes left. Returns how many were added, and the
    last sum."""
    value: Any = before
    if width == 0 or width > WIDTHS[2] or page_left < VALUE_BYTES:
        return 0, value
    # The last word that eight of them are taken out of begins within their bytes.
    count = min(count // LANES, (page_left - VALUE_BYTES) // width + 1)
    while count > 0 and (count - 1) * width + (width * 6 >> 3) + VALUE_BYTES > page_left:
        count -= 1
    if width <= WIDTHS[0]:
        for k in range(count):
            value = sums_of_narrow(source + k * width, width, (value, least), target + 64 * k)
    elif width <= WIDTHS[1]:
        for k in range(count):
            value = sums_of_medium(source + k * width, width, (value, least), target + 64 * k)
    else:
        for k in range(count):
            value = sums_of_wide(source + k * width, width, (value, least), target + 64 * k)
    return count * LANES, value


@kernel
def note_fall(falls: Int64s, first: int, end: int) -> None:
    """Note that numbers at [first, end) may be less than those before them. falls: how many
    stretches are noted, or ANYWHERE once there are too many, and where they begin and end."""
    count = falls[0]
    if count > 0 and falls[2 * count] == first:
        falls[2 * count] = end
    elif count != ANYWHERE:
        if 2 * count + 2 < len(falls):
            falls[2 * count + 1], falls[2 * count + 2] = first, end
            falls[0] = count + 1
        else:
            falls[0] = ANYWHERE


@kernel
def decode_delta(page: Bytes, words: UInt64s, at: int, count: int, out: Int64s) -> bool:
    """Decode the first len(out) of `count` integers from `at` on; False if the page is damaged or
    has not as many."""
    return decode_rising(page, words, at, count, out, 0, np.zeros(1, np.int64))


@kernel
def decode_rising(
    page: Bytes, words: UInt64s, at: int, count: int, out: Int64s, row: int, falls: Int64s
) -> bool:
    """As decode_delta(), and note where numbers may fall, the first of them being at `row`."""
    block, at = read_varint(page, at, len(page))
    minis, at = read_varint(page, max(at, 0), len(page)) if at >= 0 else (0, DAMAGED)
    total, at = read_varint(page, max(at, 0), len(page)) if at >= 0 else (0, DAMAGED)
    value, at = read_number(page, max(at, 0), len(page)) if at >= 0 else (0, DAMAGED)
    if at < 0 or total != count or minis <= 0 or block <= 0 or block % minis:
        return False
    size = block // minis
    if size % 32 or not len(out) or len(out) > count:
        return False
    out[0] = value
    done = 1
    source, target = page.ctypes.data, out.ctypes.data
    while done < len(out):
        least, at = read_number(page, at, len(page))
        if at < 0 or minis > len(page) - at:
            return False
        widths, at = at, at + minis
        widest: Any = 0
        for mini in range(minis):
            widest = max(widest, np.int64(page[widths + mini]))
        if least < 0 or widest > RISING_BITS:
            note_fall(falls, row + done, row + min(done + block, len(out)))
        for mini in range(minis):
            if done >= len(out):
                break
            width: Any = np.int64(page[widths + mini])
            taken = min(size, len(out) - done)
            stored: Any = size * width // 8
            # Behind the last value there may be less than a whole miniblock.
            if width > WORD_BITS or (taken * width + 7) // 8 > len(page) - at:
                return False
            added, value = add_eights(
                source + at, len(page) - at, width, least, value, target + done * VALUE_BYTES, taken
            )
            if added < taken:
                room = out[done + added : done + taken]
                first_bit = at * 8 + added * width
                value = add_differences(page, words, first_bit, width, least, value, room)
            done += taken
            at += stored
    return True


@kernel
def decode_split(page: Bytes, at: int, out: UInt64s) -> bool:
    """Decode len(out) values of eight bytes from `at` on; False if there are not as many."""
    n = len(out)
    if len(page) - at != n * VALUE_BYTES:
        return False
    for k in range(n):
        out[k] = np.uint64(page[at + k])
    for i in range(1, VALUE_BYTES):
        bytes_i, shift = page[at + i * n : at + (i + 1) * n], np.uint64(8 * i)
        for k in range(n):
            out[k] |= np.uint64(bytes_i[k]) << shift
    return True


@kernel
def decode_chunk(
    data: Bytes,
    at: Any,
    end: int,
    codec: int,
    optional: bool,
    scratch: UInt64s,
    rows: int,
    room: Int64s,
    falls: Int64s,
) -> bool:
    """Decode the pages of data[at:end], which have so many rows, into `room`, differences only:
    the first ones if there is room for less. False if they have something else, are damaged, or
    need more than there is room in `scratch`. falls: gets where numbers may fall (note_fall)."""
    header = np.empty(5, np.int64)
    done: Any = 0
    falls[0] = 0
    while at < end and (done < len(room) or len(room) == rows):
        body = read_page_header(data, at, end, header)
        plain, stored, values = header[0], header[1], header[2]
        if body == DAMAGED or header[3] != DELTA or values > rows - done:
            return False
        if plain > len(scratch) * VALUE_BYTES:
            return False
        page = scratch.view(np.uint8)[:plain]
        if codec == LZ4:
            if not uncompress_lz4(data, body, body + stored, page):
                return False
        elif codec == EXPANDED and plain <= end - body:
            page[:] = data[body : body + plain]
            stored = max(plain, stored)
        elif codec == UNCOMPRESSED and plain == stored:
            page[:] = data[body : body + stored]
        else:
            return False
        first: Any = 0
        if optional:  # which values are there: all are, where this is called
            if plain < LEVELS_LENGTH_BYTES:
                return False
            for i in range(LEVELS_LENGTH_BYTES):
                first |= np.int64(page[i]) << (8 * i)
            first += LEVELS_LENGTH_BYTES
            if first > plain:
                return False
        if done > 0:
            note_fall(falls, done, done + 1)
        own = room[done : done + values]
        if not decode_rising(page, scratch, first, values, own, done, falls):
            return False
        at, done = body + stored, done + values
    return bool(done >= len(room))


@kernel
def decode_groups(
    data: Bytes,
    chunks: Int64s,
    scales: Int64s,
    powers: Float64s,
    optional: Bools,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
) -> int:
    """Decode row groups of scaled integers; returns how many: the next has something else.

    chunks: [group, 6]: where in data times and integers begin and end, and their compressions.
    offsets: group g has the rows offsets[g]:offsets[g + 1] of timestamps and values. Groups of
    series that are scraped together often have the same times: those are decoded once.
    """
    longest = 0
    for g in range(len(scales)):
        longest = max(longest, offsets[g + 1] - offsets[g])
    integers = np.empty(longest, np.int64)
    scratch, falls = np.empty(longest * 2 + SCRATCH_WORDS, np.uint64), np.empty(1, np.int64)
    for g in range(len(scales)):
        first, end, scale = offsets[g], offsets[g + 1], scales[g]
        times, rows = timestamps[first:end], end - first
        if scale < 0 or scale >= len(powers):
            return g
        before = offsets[max(g - 1, 0)]
        if g > 0 and first - before == rows and same_bytes(data, chunks[g - 1], chunks[g]):
            times[:] = timestamps[before:first]
        elif not decode_chunk(
            data, chunks[g, 0], chunks[g, 1], chunks[g, 4], optional[0], scratch, rows, times, falls
        ):
            return g
        found = integers[:rows]
        if not decode_chunk(
            data, chunks[g, 2], chunks[g, 3], chunks[g, 5], optional[1], scratch, rows, found, falls
        ):
            return g
        from_integers(found, powers[scale], values[first:end])
    return len(scales)


@kernel
def same_bytes(data: Bytes, first: Int64s, second: Int64s) -> Any:
    """Whether the times of two row groups are stored as the same bytes."""
    size = first[1] - first[0]
    if second[1] - second[0] != size or first[4] != second[4]:
        return False
    a, b = data[first[0] : first[1]], data[second[0] : second[1]]
    differ = np.uint8(0)
    for k in range(size):
        differ |= a[k] ^ b[k]
    return differ == 0
