"""The parts in which an answer is sent, compressed if the client accepts that.

An answer of several parts is never held whole: `next_part` computes one at a time.
"""

import zlib
from collections.abc import Iterator

PART_BYTES_MIN = 1 << 20  # before compression; amortizes the way to a thread and back
COMPRESSED_BYTES_MIN = 1024  # below it the packet is the same and the client's work is saved

# zlib's window sizes select the container.
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def choose_encoding(accepted: str) -> str:
    """The first encoding of an Accept-Encoding header that is known; "" for none.

    Tokens are taken literally, so `gzip;q=0.5` is not accepted: as in Prometheus.
    """
    tokens = (token.strip() for token in accepted.split(","))
    return next((token for token in tokens if token in _WINDOW_BITS), "")


class Body:
    """The parts of one answer. `encoding` is final after the first part: "" is uncompressed."""

    def __init__(self, blocks: Iterator[bytes | memoryview], encoding: str) -> None:
        self.encoding = encoding
        self._blocks = blocks
        self._compressor: zlib._Compress | None = None
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
            # Level 1 is four times as fast as the default, for text that is a tenth larger.
            self._compressor = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS[self.encoding])
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
