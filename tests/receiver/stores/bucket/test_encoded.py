"""Chunks as they are: those of rows, in any order, of several blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from receiver.stores.bucket import block as blocks
from receiver.stores.bucket.encoded import EncodedChunks, stacked
from storage.chunks.chunks import chunks_of
from storage.chunks.floats import decode_floats
from storage.labels.matchers import Matcher
from tests.makers.blocks import WrittenSeries, write_block
from tests.makers.buckets.blocks import damage, reader_of
from tests.makers.buckets.windows import FIVE, RAW, downsampled
from tests.receiver.importing.tsdb.test_block import FIRST, SECOND, WRITTEN, series

NAMED = Matcher("__name__", "!=", "")
Points = list[tuple[int, float]]


def points(chunks: EncodedChunks, row: int) -> list[tuple[int, Points]]:
    """(field, samples) of each part of a series."""
    found = []
    own = range(int(chunks.offsets[row]), int(chunks.offsets[row + 1]))
    for p in (p for k in own for p in range(int(chunks.firsts[k]), int(chunks.firsts[k + 1]))):
        data = chunks.data[chunks.bounds[p] : chunks.bounds[p + 1]].tobytes()
        floats = decode_floats(chunks_of([data], [int(chunks.encodings[p])]), ends_twice=True)
        times, values = floats.timestamps.tolist(), floats.values.tolist()
        found.append((int(chunks.fields[p]), list(zip(times, values, strict=True))))
    return found


@pytest.mark.parametrize("at_once", [1 << 16, 20])
def test_chunks_of_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(blocks, "AT_ONCE", at_once)
    write_block(tmp_path, [*WRITTEN, series("c", SECOND)])
    labels, chunks = reader_of(tmp_path, NAMED).encoded(())
    assert [labels.labelset(row)["__name__"] for row in range(3)] == ["a", "b", "c"]
    assert [points(chunks, row) for row in range(3)] == [
        [(3, FIRST), (3, SECOND)], [(3, FIRST)], [(3, SECOND)],
    ]  # fmt: skip
    assert chunks.first_ms.tolist() == [1000, 3000, 1000, 3000]
    assert chunks.last_ms.tolist() == [2000, 4000, 2000, 4000]
    assert chunks.samples == 8
    taken = chunks.take(np.array([2, 0, 0]))
    assert [points(taken, row) for row in range(3)] == [
        [(3, SECOND)], [(3, FIRST), (3, SECOND)], [(3, FIRST), (3, SECOND)],
    ]  # fmt: skip
    both = stacked([taken, chunks])
    assert points(both, 4) == [(3, FIRST)] and both.samples == 18
    _, cut = reader_of(tmp_path, NAMED, span=(0, 2500)).encoded(())
    assert cut.samples == 4
    assert stacked([]).samples == 0


def test_parts_of_windows(tmp_path: Path) -> None:
    written = [WrittenSeries({"__name__": "m"}, [downsampled(RAW)])]
    write_block(tmp_path, written, downsample={"resolution": FIVE})
    _, chunks = reader_of(tmp_path, NAMED).encoded((0, 3))
    counts, most = points(chunks, 0)
    assert counts == (4, [(299_999, 5.0), (599_999, 5.0), (660_007, 2.0)])
    assert most == (7, [(299_999, 9.0), (599_999, 8.0), (660_007, 6.0)])
    assert chunks.samples == 3
    _, counter = reader_of(tmp_path, NAMED).encoded((4,))
    assert points(counter, 0)[0][1][-2:] == [(660_007, 30.0), (660_007, 6.0)]


def test_what_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    block = write_block(tmp_path, WRITTEN)
    damage(block / "chunks" / "000001", 20)
    reader = reader_of(tmp_path, NAMED)
    _, chunks = reader.encoded(())
    assert points(chunks, 0) == [(3, SECOND)]
    assert "whose checksum is wrong" in next(reader.said())
