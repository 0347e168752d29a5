"""Blocks read sample for sample, and what damage costs."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from receiver.importing.errors import BlockError
from receiver.importing.parts import ALWAYS, Report, Span
from receiver.importing.tsdb import block as blocks
from receiver.importing.tsdb.block import Block, read_meta
from receiver.importing.tsdb.files import LocalFiles
from storage.chunks.chunks import AGGREGATES, XOR
from tests.makers.blocks import ULID, WrittenChunk, WrittenSeries, write_block
from tests.makers.imports import Found, found_in
from tests.twins.storage.chunks import float_bits, float_chunk

Points = Sequence[tuple[int, float]]


def chunk(points: Points) -> WrittenChunk:
    data = float_chunk([(time, float_bits(value)) for time, value in points])
    return WrittenChunk(points[0][0], points[-1][0], XOR, data)


def series(
    name: str, *chunks: Points, deleted: Sequence[tuple[int, int]] = (), **labels: str
) -> WrittenSeries:
    return WrittenSeries(
        {"__name__": name, **labels}, [chunk(points) for points in chunks], deleted
    )


FIRST = [(1000, 1.0), (2000, 2.0)]
SECOND = [(3000, 3.0), (4000, 4.0)]
A = (("__name__", "a"), ("l", "é"))
B = (("__name__", "b"),)
WRITTEN = [series("a", FIRST, SECOND, l="é"), series("b", FIRST)]


def read(path: Path, span: Span = ALWAYS, first: int = 0) -> tuple[Found, Report]:
    report = Report()
    found = found_in(list(Block(LocalFiles(path), read_meta(path), report).parts(first, span)))
    return {key: points for key, points in found.items() if points}, report


def test_series_and_samples(tmp_path: Path) -> None:
    found, report = read(write_block(tmp_path, WRITTEN))
    assert found == {A: FIRST + SECOND, B: FIRST}
    assert report.lines() == []


def test_positions_and_small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_block(tmp_path, [series("m", FIRST, SECOND, n=f"{k}") for k in range(7)])
    monkeypatch.setattr(blocks, "SERIES_AT_ONCE", 3)
    monkeypatch.setattr(blocks, "CHUNKS_AT_ONCE", 2)
    block = Block(LocalFiles(path), read_meta(path), Report())
    parts = list(block.parts(0, ALWAYS))
    assert [part.position for part in parts] == [1, 2, 3, 4, 5, 6, 7, 7]
    assert [part.is_last for part in parts] == [False] * 7 + [True]
    assert len(found_in(parts)) == 7
    assert len(found_in(list(block.parts(5, ALWAYS)))) == 2


def test_labels_of_thanos_replace_own_ones(tmp_path: Path) -> None:
    path = write_block(
        tmp_path, [series("a", FIRST, l="own", z="z"), series("b", FIRST)],
        labels={"l": "outer", "replica": "r"}, downsample={"resolution": 0},
    )  # fmt: skip
    outer = (("l", "outer"), ("replica", "r"))
    assert read(path)[0] == {
        (("__name__", "a"), *outer, ("z", "z")): FIRST,
        (("__name__", "b"), *outer): FIRST,
    }


def test_times_are_cut(tmp_path: Path) -> None:
    found, _ = read(write_block(tmp_path, WRITTEN), Span(2000, 3000))
    assert found == {A: [(2000, 2.0), (3000, 3.0)], B: [(2000, 2.0)]}


def test_deleted_times_are_left_out(tmp_path: Path) -> None:
    written = [series("a", FIRST, SECOND, l="é", deleted=[(2000, 3000), (9, 9)]), WRITTEN[1]]
    assert read(write_block(tmp_path, written))[0] == {A: [(1000, 1.0), (4000, 4.0)], B: FIRST}


def damaged(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1 and len(old) == len(new)
    path.write_bytes(data.replace(old, new))


def test_a_damaged_chunk_costs_itself(tmp_path: Path) -> None:
    path = write_block(tmp_path, WRITTEN)
    own = chunk(SECOND).data
    damaged(path / "chunks" / "000001", own, own[:-1] + bytes([own[-1] ^ 1]))
    found, report = read(path)
    assert found == {A: FIRST, B: FIRST}
    assert report.lines() == [
        "not imported: 1 chunks",
        f"    block {ULID}: chunk at byte 31 of file 000001, times 3000 to 4000: "
        "whose checksum is wrong",
    ]


def test_a_chunk_that_is_none_costs_itself(tmp_path: Path) -> None:
    short = WrittenChunk(5, 6, XOR, chunk(SECOND).data[:-3])
    other = WrittenChunk(7, 8, AGGREGATES, b"x")
    path = write_block(tmp_path, [WrittenSeries(dict(A), [short, other, chunk(FIRST)]), WRITTEN[1]])
    found, report = read(path)
    assert found == {A: FIRST, B: FIRST}
    assert report.losses["chunks"].count == 2
    assert "ends within a sample" in report.losses["chunks"].examples[0]
    assert "none of XOR" in report.losses["chunks"].examples[1]


def test_a_damaged_entry_costs_its_series(tmp_path: Path) -> None:
    path = write_block(tmp_path, WRITTEN)
    data = bytearray((path / "index").read_bytes())
    toc = struct.unpack(">6Q", data[-52:-4])
    data[toc[1] + 3] ^= 1
    (path / "index").write_bytes(data)
    found, report = read(path)
    assert found == {B: FIRST}
    assert report.losses["series"].count == 1
    assert "whose checksum is wrong" in report.losses["series"].examples[0]


def test_a_missing_chunk_file_costs_its_chunks(tmp_path: Path) -> None:
    path = write_block(tmp_path, WRITTEN)
    (path / "chunks" / "000001").write_bytes(b"no chunk file")
    found, report = read(path)
    assert found == {}
    assert report.losses["chunks"].count == 3
    assert "000001 is no chunk file of version 1" in report.losses["chunk files"].examples[0]


@pytest.mark.parametrize("name", ["index", "tombstones", "meta.json"])
def test_a_block_without_what_it_needs(tmp_path: Path, name: str) -> None:
    path = write_block(tmp_path, WRITTEN)
    (path / name).write_bytes(b"x" * 100)
    with pytest.raises(BlockError):
        read(path)


@pytest.mark.parametrize("cut", range(0, 240, 7))
def test_an_index_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_block(tmp_path, WRITTEN)
    data = (path / "index").read_bytes()
    (path / "index").write_bytes(data[: min(cut, len(data) - 1)])
    with pytest.raises(BlockError):
        read(path)


@pytest.mark.parametrize("place", range(0, 300, 3))
def test_any_changed_byte_of_the_index_costs_no_more_than_it_is_in(
    tmp_path: Path, place: int
) -> None:
    path = write_block(tmp_path, WRITTEN)
    data = bytearray((path / "index").read_bytes())
    data[place % len(data)] ^= 0x55
    (path / "index").write_bytes(data)
    try:
        found, _ = read(path)
    except BlockError:
        return
    assert all({A: FIRST + SECOND, B: FIRST}[key] == points for key, points in found.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "its version is 2; only 1 is read"),
        ({"minTime": "x"}, "cannot be read"),
        ({"thanos": []}, ""),
    ],
)
def test_descriptions(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = write_block(tmp_path, WRITTEN)
    meta = json.loads((path / "meta.json").read_text()) | change
    (path / "meta.json").write_text(json.dumps(meta))
    if message:
        with pytest.raises(BlockError, match=message):
            read_meta(path)
    else:
        assert read_meta(path).labels == {}
