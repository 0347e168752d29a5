"""The parts in which an answer is sent, compressed if the client accepts that.

An answer of several parts is never held whole: `next_part` computes one at a time.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Protocol, cast

import cramjam

# cramjam ships no types.
zstd: Any = cast(Any, cramjam).zstd

PART_BYTES_MIN = 1 << 20  # before compression; amortizes the way to a thread and back
COMPRESSED_BYTES_MIN = 1024  # below it the packet is the same and the client's work is saved

# zlib's window sizes select the container.
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
ZSTD = "zstd"
ENCODINGS = frozenset({*_WINDOW_BITS, ZSTD})
# Level 1 of zlib is four times as fast as the default, for text that is a tenth larger.
_LEVEL = 1


class Compressor(Protocol):
    """One compressed stream. flush() ends it."""

    def compress(self, part: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class ZstdCompressor:
    """A zstd frame without a length, each part of which can be read by itself."""

    def __init__(self) -> None:
        self._frame = zstd.Compressor(_LEVEL)

    def compress(self, part: bytes, /) -> bytes:
        self._frame.compress(part)
        return bytes(self._frame.flush())

    def flush(self) -> bytes:
        return bytes(self._frame.finish())


def compressor_of(encoding: str) -> Compressor:
    if encoding == ZSTD:
        return ZstdCompressor()
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS[encoding])


def choose_encoding(accepted: str) -> str:
    """The first encoding of an Accept-Encoding header that is known; "" for none.

    Tokens are taken literally, so `gzip;q=0.5` is not accepted: as in Prometheus.
    """
    tokens = (token.strip() for token in accepted.split(","))
    return next((token for token in tokens if token in ENCODINGS), "")


class Body:
    """The parts of one answer. `encoding` is final after the first part: "" is uncompressed."""

    def __init__(self, blocks: Iterator[bytes | memoryview], encoding: str) -> None:
        self.encoding = encoding
        self._blocks = blocks
        self._compressor: Compressor | None = None
        self._begun = False

    def next_part(self) -> tuple[bytes, bool]:
        """The next part, and whether it is the last one. Computes in the calling thread."""
        part, is_last = self._gather()
        if not self._begun and is_last and len(part) < COMPRESSED_BYTES_MIN:
            self.encoding = ""
        self._begun = True
        if not self.encoding:
            return part, is_last
        if self._compressor is None:
            self._compressor = compressor_of(self.encoding)
        compressed = self._compressor.compress(part)
        return (compressed + self._compressor.flush() if is_last else compressed), is_last

    def _gather(self) -> tuple[bytes, bool]:
        parts: list[bytes | memoryview] = []
        size = 0
        for block in self._blocks:
            parts.append(block)
            size += len(block)
            if size >= PART_BYTES_MIN:
                return b"".join(parts), False
        return b"".join(parts), True
