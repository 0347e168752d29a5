"""Pages are decoded as Arrow decodes them, and damaged ones are refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.arrays import Bytes, Int64s, frozen
from storage.kernels.thrift import DAMAGED
from storage.segments.encoding.pages import decode_delta, decode_split, read_page_header

INT64 = st.integers(-(2**63), 2**63 - 1)


def page_of(values: Int64s, encoding: str) -> tuple[Bytes, list[int]]:
    """The only page that Arrow writes of a column, and its header."""
    stream = pa.BufferOutputStream()
    kind = pa.float64() if encoding == "BYTE_STREAM_SPLIT" else pa.int64()
    column = pa.array(values).view(kind)
    schema = pa.schema([pa.field("a", kind, nullable=False)])
    pq.write_table(
        pa.Table.from_arrays([column], schema=schema),
        stream,
        compression="none",
        use_dictionary=False,
        column_encoding={"a": encoding},
        max_rows_per_page=1 << 30,
    )
    file = frozen(np.frombuffer(stream.getvalue(), np.uint8))
    chunk = pq.read_metadata(pa.BufferReader(file.tobytes())).row_group(0).column(0)
    header = np.empty(5, np.int64)
    end = chunk.data_page_offset + chunk.total_compressed_size
    body = read_page_header(file, chunk.data_page_offset, end, header)
    return frozen(file[body : body + header[1]].copy()), header.tolist()


def decoded(page: Bytes, count: int, whole: int = 0) -> tuple[bool, Int64s]:
    """The first `count` of the integers of a page, of which there are `whole`, or as many."""
    out = np.full(count, -7, np.int64)
    page = frozen(page)
    words = page[: len(page) // 8 * 8].view(np.uint64)
    return decode_delta(page, words, 0, whole or count, out), out


lists = st.one_of(
    st.lists(INT64, min_size=1, max_size=300),
    st.tuples(INT64, st.integers(1, 400)).map(lambda drawn: [drawn[0]] * drawn[1]),
    st.lists(st.integers(0, 40), min_size=1, max_size=600).map(
        lambda late: [1_700_000_000_000 + 15_000 * i + more for i, more in enumerate(late)]
    ),
)


@settings(max_examples=150, deadline=None)
@given(lists)
def test_deltas(values: list[int]) -> None:
    column = np.array(values, np.int64)
    page, header = page_of(column, "DELTA_BINARY_PACKED")
    assert header[:4] == [len(page), len(page), len(values), 5]
    fits, out = decoded(page, len(values))
    assert fits
    assert out.tolist() == values
    for count in {1, len(values) // 2 + 1, max(1, len(values) - 1)}:
        fits, out = decoded(page, count, len(values))
        assert fits
        assert out.tolist() == values[:count]
    assert not decoded(page, len(values) + 1, len(values))[0]
    assert not decoded(page, 1, len(values) + 1)[0]


@pytest.mark.parametrize("width", range(65))
def test_every_width(width: int) -> None:
    draw = np.random.default_rng(width)
    jumps = draw.integers(0, 1 << 63, 200, np.uint64) >> np.uint64(max(0, 63 - width))
    if width == 64:
        jumps = draw.integers(0, 1 << 64, 200, np.uint64, endpoint=False)
    column = np.cumsum(jumps).view(np.int64)
    fits, out = decoded(page_of(column, "DELTA_BINARY_PACKED")[0], len(column))
    assert fits
    assert out.tolist() == column.tolist()


@settings(max_examples=100, deadline=None)
@given(lists, st.integers(0, 1 << 30), st.integers(0, 255))
def test_damaged_deltas_are_never_read_beyond(values: list[int], cut: int, byte: int) -> None:
    page = page_of(np.array(values, np.int64), "DELTA_BINARY_PACKED")[0].copy()
    assert not decoded(page, len(values) + 1)[0]
    short = page[: cut % (len(page) - 1)].copy()
    # Arrow fills the last miniblock up, so less may be enough, but it is then all there.
    fits, out = decoded(short, len(values))
    assert not fits or out.tolist() == values
    page[cut % len(page)] = byte
    decoded(page, len(values))


@settings(max_examples=50, deadline=None)
@given(st.lists(INT64, min_size=1, max_size=300))
def test_split_bytes(values: list[int]) -> None:
    page, header = page_of(np.array(values, np.int64), "BYTE_STREAM_SPLIT")
    assert header[3] == 9
    out = np.empty(len(values), np.uint64)
    assert decode_split(page, 0, out)
    assert out.view(np.int64).tolist() == values
    assert not decode_split(page, 1, out)
    assert not decode_split(page, 0, out[:-1])


def test_headers_of_other_pages_and_cut_ones_are_damaged() -> None:
    header = np.empty(5, np.int64)
    for data in (b"\x15\x04\x15\x10\x15\x10\x4c\x15\x02\x15\x00\0\0", b"", b"\x15", b"\0"):
        array = np.frombuffer(data, np.uint8)
        assert read_page_header(array, 0, len(array), header) == DAMAGED
