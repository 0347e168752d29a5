"""LZ4 blocks are uncompressed as Arrow does it, and damaged ones never read out of bounds."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.segments.encoding.lz4 import uncompress_lz4

CODEC = pa.Codec("lz4_raw")
texts = st.one_of(
    st.binary(max_size=400),
    st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 200)).map(lambda d: d[0] * d[1]),
    st.lists(st.sampled_from([b"abcdefgh", b"\0" * 20, b"xyz"]), max_size=60).map(b"".join),
)


def uncompressed(data: bytes, size: int) -> tuple[bool, bytes]:
    # What lies around is not to be touched.
    around = np.full(size + 16, 0xEE, np.uint8)
    source = np.frombuffer(b"\xff" * 3 + data + b"\xff" * 3, np.uint8)
    fits = uncompress_lz4(source, 3, 3 + len(data), around[8 : 8 + size])
    assert (around[:8] == 0xEE).all()
    assert (around[8 + size :] == 0xEE).all()
    return fits, around[8 : 8 + size].tobytes()


@settings(max_examples=200, deadline=None)
@given(texts)
def test_blocks_come_back(text: bytes) -> None:
    data = CODEC.compress(text, asbytes=True)
    assert uncompressed(data, len(text)) == (True, text)
    assert not uncompressed(data, len(text) + 1)[0]
    if text:
        assert not uncompressed(data, len(text) - 1)[0]


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(0, 1 << 20), st.integers(0, 255))
def test_damage_is_survived(text: bytes, place: int, byte: int) -> None:
    data = bytearray(CODEC.compress(text, asbytes=True))
    cut = place % len(data)
    assert cut == 0 or not uncompressed(bytes(data[:cut]), len(text))[0]
    data[cut] = byte
    uncompressed(bytes(data), len(text))
