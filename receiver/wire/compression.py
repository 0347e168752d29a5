"""The compression of request bodies: snappy blocks and zstd frames.

What a body declares as its length is read and limited before anything is uncompressed, and
uncompressing writes into memory of that length and no further: a body of a few bytes that unpacks
to gigabytes costs no more than the limit.
"""

from typing import Any, cast

import cramjam

from receiver.errors import CorruptBody, TooLarge
from receiver.wire.buffers import DecodeBuffers

# cramjam ships no types.
snappy: Any = cast(Any, cramjam).snappy
zstd: Any = cast(Any, cramjam).zstd

SNAPPY, ZSTD = "snappy", "zstd"
ENCODINGS = (SNAPPY, ZSTD)
# A snappy body begins with its uncompressed length, a varint of 32 bits.
SNAPPY_HEADER_BYTES_MAX = 5
# A zstd frame: RFC 8878, section 3.1.1.
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# How much larger than the body a zstd frame that states no length is taken to be at first.
ZSTD_FIRST_GUESS = 8


def declared_bytes(encoding: str, payload: bytes) -> int | None:
    """The uncompressed length that a body declares; None if it may leave that out and does.

    Raises CorruptBody.
    """
    if not payload:
        raise CorruptBody("empty body; a request without series is a compressed body of length 0")
    return snappy_length(payload) if encoding == SNAPPY else zstd_length(payload)


def snappy_length(payload: bytes) -> int:
    length = shift = 0
    for byte in payload[:SNAPPY_HEADER_BYTES_MAX]:
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:
        raise CorruptBody("corrupt body at byte 0: no snappy length")
    if length >= 1 << 32:
        raise CorruptBody(f"corrupt body at byte 0: snappy length {length} has more than 32 bits")
    return length


def zstd_length(payload: bytes) -> int | None:
    """The content size of the first frame."""
    if payload[:4] != ZSTD_MAGIC or len(payload) < 5:
        raise CorruptBody("corrupt body at byte 0: no zstd frame")
    descriptor = payload[4]
    single_segment = bool(descriptor & 0x20)
    size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    if not size_bytes:
        return None
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    field = payload[start : start + size_bytes]
    if len(field) < size_bytes:
        raise CorruptBody("corrupt body at byte 0: the zstd frame ends within its header")
    return int.from_bytes(field, "little") + (256 if size_bytes == 2 else 0)


def uncompress(
    encoding: str, payload: bytes, buffers: DecodeBuffers, size: int | None, bytes_max: int
) -> int:
    """Uncompress the payload, which declares `size` bytes, into the buffers; how many they are.

    Raises CorruptBody, or TooLarge where nothing is declared and bytes_max are not enough.
    """
    if size is None:
        return uncompress_undeclared(payload, buffers, bytes_max)
    buffers.reserve_body(size)
    # Memory of a multiple of the length would let a frame run on behind what it declared.
    body = buffers.body[: max(size, 1)]
    try:
        decompress = snappy.decompress_raw_into if encoding == SNAPPY else zstd.decompress_into
        written = int(decompress(payload, body))
    except cramjam.DecompressionError as error:
        raise CorruptBody(f"corrupt body: {error}") from error
    if written != size:
        raise CorruptBody(f"corrupt body: {written} bytes uncompressed; {size} were declared")
    return written


def uncompress_undeclared(payload: bytes, buffers: DecodeBuffers, bytes_max: int) -> int:
    """Uncompress a zstd frame of unknown length, trying larger memory until it fits."""
    size = min(ZSTD_FIRST_GUESS * len(payload), bytes_max)
    while True:
        buffers.reserve_body(size)
        try:
            return int(zstd.decompress_into(payload, buffers.body[:size]))
        except cramjam.DecompressionError as error:
            # That there is no more room is reported by a text only.
            if "write whole buffer" not in str(error):
                raise CorruptBody(f"corrupt body: {error}") from error
        if size == bytes_max:
            raise TooLarge(
                f"body of more than {bytes_max} bytes uncompressed; allowed are {bytes_max} "
                "(write.max-decoded-bytes)"
            )
        size = min(4 * size, bytes_max)
