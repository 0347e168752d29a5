"""Blocks verified as a whole: each kind of damage is found and named."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.importing.bucket import files_by_block
from receiver.stores.bucket.block import KnownBlock
from receiver.stores.bucket.verifying import verify_all
from receiver.stores.bucket.view import describe
from storage.chunks.chunks import AGGREGATES
from tests.makers.blocks import ULID, WrittenChunk, WrittenSeries, crc32c, write_block
from tests.makers.buckets.blocks import damage, kept_of, reader_of, set_meta
from tests.makers.buckets.servers import directory_store
from tests.makers.buckets.windows import FIVE, RAW, downsampled
from tests.receiver.importing.tsdb.test_block import FIRST, SECOND, WRITTEN, chunk, series

STATS = {"numSeries": 2, "numSamples": 6, "numChunks": 3}


def verified(bucket: Path) -> list[str]:
    store = directory_store(bucket)
    lines: list[str] = []
    for ulid, sizes in files_by_block(store.listed("")).items():
        found = describe(store, ulid, sizes)
        assert found.meta is not None
        blocks = [(KnownBlock(found.meta, found.sizes), found.facts)]
        wrong = verify_all(blocks, kept_of(store), lines.append)
        assert wrong == (len(lines) > 1)
    return lines


def test_a_sound_block(tmp_path: Path) -> None:
    set_meta(write_block(tmp_path, WRITTEN), stats=STATS)
    assert verified(tmp_path) == [f"{ULID}  sound    series=2 chunks=3 samples=6"]


def test_a_sound_block_of_windows(tmp_path: Path) -> None:
    written = [WrittenSeries({"__name__": "m"}, [downsampled(RAW)])]
    write_block(tmp_path, written, downsample={"resolution": FIVE})
    assert verified(tmp_path) == [f"{ULID}  sound    series=1 chunks=1 samples=0"]


def chunk_byte(block: Path) -> None:
    damage(block / "chunks" / "000001", 20)


def no_chunks(block: Path) -> None:
    (block / "chunks" / "000001").unlink()


def other_numbers(block: Path) -> None:
    set_meta(block, stats=STATS | {"numSamples": 7})


def shorter(block: Path) -> None:
    set_meta(block, maxTime=3500)


def symbols(block: Path) -> None:
    damage(block / "index", 12)


def no_index(block: Path) -> None:
    (block / "index").unlink()


def foreign_ref(block: Path) -> None:
    """A list with a sound checksum, of a series that there is not."""
    index = bytearray((block / "index").read_bytes())
    header = reader_of(block.parent).kept.headers.of(ULID, len(index))
    first, _ = header.names["l"]
    at = int(header.rows[first, 4])
    index[at + 8 : at + 12] = struct.pack(">I", 99)
    index[at + 12 : at + 16] = struct.pack(">I", crc32c(bytes(index[at + 4 : at + 12])))
    (block / "index").write_bytes(bytes(index))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (chunk_byte, "1 chunks: chunk at byte 8 of chunks/000001: whose checksum is wrong"),
        (no_chunks, "3 chunks: chunk at byte 8 of chunks/000001: outside of the chunk files"),
        (other_numbers, "1 numbers of meta.json: samples: 7 are said, 6 were read"),
        (shorter, "1 chunks outside of the times of the block: chunk at byte"),
        (symbols, "1 indexes: its symbols have the checksum"),
        (no_index, "1 indexes: there is no index"),
        (foreign_ref, "1 lists with series that there are not: entry 99"),
    ],
)
def test_damage_is_found(tmp_path: Path, change: Callable[[Path], None], text: str) -> None:
    block = write_block(tmp_path, WRITTEN)
    change(block)
    first, *problems = verified(tmp_path)
    assert first.startswith(f"{ULID}  DAMAGED")
    assert any(problem.strip().startswith(text) for problem in problems), problems


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ([series("b", FIRST), series("a", FIRST)], "1 series out of order: entry"),
        ([series("a", FIRST), series("a", FIRST)], "1 series out of order: entry"),
        ([series("a", SECOND, FIRST)], "1 chunks that overlap the one before"),
        (
            [WrittenSeries({"__name__": "a"}, [WrittenChunk(1, 2, 9, b"xyz")])],
            "1 chunks: chunk at byte 8 of chunks/000001: its encoding",
        ),
        (
            [WrittenSeries({"__name__": "a"}, [chunk(FIRST), WrittenChunk(3, 4, 1, b"\0\4x")])],
            "1 chunks: chunk at byte",
        ),
    ],
)
def test_what_was_written_wrongly_is_found(
    tmp_path: Path, written: list[WrittenSeries], text: str
) -> None:
    write_block(tmp_path, written)
    _, *problems = verified(tmp_path)
    assert any(problem.strip().startswith(text) for problem in problems), problems


def test_windows_that_are_damaged_are_found(tmp_path: Path) -> None:
    sound = downsampled(RAW)
    broken = WrittenChunk(sound.first, sound.last, AGGREGATES, sound.data[:-9])
    written = [WrittenSeries({"__name__": "m"}, [broken])]
    write_block(tmp_path, written, downsample={"resolution": FIVE})
    _, *problems = verified(tmp_path)
    assert "1 chunks: chunk at byte 8 of chunks/000001: its data ends" in problems[0]
