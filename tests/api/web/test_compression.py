"""Tests of the parts of an answer and their compression."""

import gzip
import io
import zlib

import pyarrow
import pytest

from api.web.compression import COMPRESSED_BYTES_MIN, PART_BYTES_MIN, Body, choose_encoding


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip", "deflate"),
        ("br, gzip", "gzip"),
        ("identity", ""),
        ("gzip;q=1.0", ""),
        ("zstd,br", "zstd"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br", ""),
        ("*", ""),
    ],
)
def test_the_first_known_encoding_is_chosen(accepted: str, encoding: str) -> None:
    assert choose_encoding(accepted) == encoding


def parts_of(body: Body) -> list[bytes]:
    parts, is_last = [], False
    while not is_last:
        part, is_last = body.next_part()
        parts.append(part)
    return parts


BLOCKS = {
    "nothing": [],
    "small": [b"a", b"", b"b"],
    "one part": [b"x" * COMPRESSED_BYTES_MIN],
    "several parts": [bytes([i]) * (PART_BYTES_MIN // 2 + 7) for i in range(5)],
    "a full last part": [b"x" * PART_BYTES_MIN, b"y" * PART_BYTES_MIN],
}


@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS.keys())
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "zstd"])
def test_the_parts_are_the_blocks(blocks: list[bytes], encoding: str) -> None:
    body = Body(iter(blocks), encoding)
    whole = b"".join(parts_of(body))
    assert body.encoding == (encoding if sum(map(len, blocks)) >= COMPRESSED_BYTES_MIN else "")
    if body.encoding == "gzip":
        whole = gzip.decompress(whole)
    elif body.encoding == "deflate":
        whole = zlib.decompress(whole)
    elif body.encoding == "zstd":
        whole = pyarrow.input_stream(io.BytesIO(whole), compression="zstd").read()
    assert whole == b"".join(blocks)


def test_blocks_are_computed_as_parts_are_asked_for() -> None:
    computed = []

    def blocks():  # type: ignore[no-untyped-def]
        for i in range(4):
            computed.append(i)
            yield b"x" * PART_BYTES_MIN

    body = Body(blocks(), "")
    assert body.next_part() == (b"x" * PART_BYTES_MIN, False)
    assert computed == [0]
    assert [len(part) for part in parts_of(body)] == [PART_BYTES_MIN] * 3 + [0]
