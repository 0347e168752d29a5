"""Chunks in zstd are what they say, uncompressed; damaged ones stay as they are."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zstandard

from storage.kernels.arrays import Bytes, Int64s, frozen
from storage.segments.encoding.expanding import (
    CODECS,
    NOT_WHOLE,
    TIMES_BEFORE,
    expanded,
    same_times,
)
from storage.segments.encoding.footers import SCALED, TIMES, Footer, read_footer
from storage.segments.encoding.groups import GroupFile
from storage.segments.encoding.pages import EXPANDED, LZ4, ZSTD, decode_chunk
from storage.segments.encoding.placing import stored_groups
from storage.segments.encoding.samples_file import FloatRows, SampleWriter

SERIES, SCRAPES = 6, 3_000


def written(path: Path, *, is_old: bool) -> tuple[Footer, Bytes, Int64s, Int64s]:
    """Footer, bytes and chunks of row groups with two series each; [series, 2, scrapes]: times,
    which all have in common, and values, half of which nothing compresses."""
    times = np.arange(SCRAPES) * 15_000 + np.random.default_rng(1).integers(0, 40, SCRAPES)
    noise = np.random.default_rng(2).integers(0, 1 << 44, (SERIES, SCRAPES))
    values = np.where(np.arange(SERIES)[:, None] < 3, noise, np.arange(SCRAPES))
    rows = np.stack([np.broadcast_to(times, values.shape), values], 1)
    ids = np.repeat(np.arange(SERIES), SCRAPES)
    with SampleWriter(path, starts=False, group_rows=2 * SCRAPES, is_old=is_old) as writer:
        columns = rows[:, 0].ravel(), rows[:, 1].ravel().astype(np.float64)
        writer.write(FloatRows(ids, *columns, None))
    footer = read_footer(path)
    numbers = np.arange(len(footer.scales))
    with GroupFile(path, footer) as file:
        data, chunks, *_ = stored_groups(footer, numbers, *file.gathered(numbers))
    return footer, data, chunks, rows


def decoded(data: Bytes, chunk: Int64s, column: int, *, optional: bool) -> Int64s | None:
    room, scratch = np.empty(2 * SCRAPES, np.int64), np.empty(8 * SCRAPES, np.uint64)
    begin, end = chunk[2 * column : 2 * column + 2].tolist()
    codec, falls = int(chunk[4 + column]), np.empty(1, np.int64)
    found = decode_chunk(data, begin, end, codec, optional, scratch, len(room), room, falls)
    return room if found else None


@pytest.mark.parametrize("is_old", [True, False])
def test_kernels_decode_what_was_expanded(tmp_path: Path, is_old: bool) -> None:
    footer, data, chunks, rows = written(tmp_path / "f", is_old=is_old)
    optional = [footer.optional[TIMES], footer.optional[SCALED]]
    assert set(chunks[:, 4:].ravel().tolist()) == {ZSTD if is_old else LZ4}
    whole, found = expanded(data, chunks)
    assert set(found[:, 4:].ravel().tolist()) == {EXPANDED if is_old else LZ4}
    for group, chunk in enumerate(found):
        for column in range(2):
            room = decoded(whole, chunk, column, optional=optional[column])
            assert room is not None
            own = rows[2 * group : 2 * group + 2, column]
            assert room.tolist() == own.ravel().tolist()
    # Times that are the same bytes are expanded once.
    assert len({tuple(chunk[:2].tolist()) for chunk in found}) == 1


@pytest.mark.parametrize("place", ["header", "page"])
def test_damaged_chunks_stay_as_they_are(tmp_path: Path, place: str) -> None:
    _, data, chunks, _ = written(tmp_path / "f", is_old=True)
    broken = data.copy()
    begin, end = chunks[1, 2:4].tolist()
    broken[slice(begin, begin + 4) if place == "header" else slice(end - 60, end - 20)] ^= 0xFF
    whole, found = expanded(frozen(broken), chunks)
    assert found[1, 5] == ZSTD
    first, behind = found[1, 2:4].tolist()
    assert (whole[first:behind] == broken[begin:end]).all()
    assert decoded(whole, found[1], 1, optional=True) is None
    assert (found[[0, 2], 5] == EXPANDED).all()


def test_pages_are_what_arrow_says(tmp_path: Path) -> None:
    _, _, chunks, _ = written(tmp_path / "f", is_old=True)
    kinds = {pq.read_metadata(tmp_path / "f").row_group(0).column(k).compression for k in range(5)}
    assert kinds == {"ZSTD"}
    assert len(chunks) == SERIES // 2


@pytest.mark.parametrize("said", [0, 99, 101, 1 << 50])
def test_a_page_is_as_long_as_its_header_says(said: int) -> None:
    stored = np.frombuffer(zstandard.compress(bytes(100)), np.uint8)
    assert bytes(CODECS[ZSTD](stored, 100)) == bytes(100)
    with pytest.raises(NOT_WHOLE):
        CODECS[ZSTD](stored, said)


@pytest.mark.parametrize("said", [8, 9, 10])
def test_a_frame_need_not_say_how_long_it_is(said: int) -> None:
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 9)
    stored = np.frombuffer(frame, np.uint8)
    if said == 9:
        assert bytes(CODECS[ZSTD](stored, said)) == b"x" * 9
        return
    with pytest.raises(NOT_WHOLE):
        CODECS[ZSTD](stored, said)


def test_times_of_the_same_bytes_are_found() -> None:
    """Twin: the first of the last few different ones that is equal."""
    rng = np.random.default_rng(3)
    texts = [bytes([k]) * (3 + k % 2) for k in rng.integers(0, 7, 60).tolist()]
    ends = np.cumsum([len(text) for text in texts])
    chunks = np.zeros((len(texts), 6), np.int64)
    chunks[:, 1], chunks[:, 0] = ends, ends - [len(text) for text in texts]
    data = np.frombuffer(b"".join(texts), np.uint8)
    expected, seen = [], list[int]()
    for group, text in enumerate(texts):
        same = [k for k in seen[-TIMES_BEFORE:] if texts[k] == text]
        expected.append(same[0] if same else group)
        if not same:
            seen.append(group)
    assert same_times(frozen(data), chunks).tolist() == expected
