"""Chunks of several sources as those of one."""

from __future__ import annotations

import numpy as np

from api.thanos.chunks import ChunkColumns, within
from storage.chunks.encoder import encode_series
from storage.samples.samples import Samples, empty_samples


def chunks_of(*series: list[tuple[int, float]]) -> ChunkColumns:
    flat = [point for own in series for point in own]
    offsets = np.cumsum([0, *map(len, series)])
    times, values = np.array([t for t, _ in flat], np.int64), np.array([v for _, v in flat])
    return ChunkColumns.raw(encode_series(Samples(offsets, times, values)))


def content(chunks: ChunkColumns) -> list[list[tuple[int, int, list[tuple[int, bytes]]]]]:
    """Of each series its chunks: times, and each part's field and bytes."""
    return [
        [
            (
                int(chunks.first_ms[k]),
                int(chunks.last_ms[k]),
                [
                    (int(chunks.fields[p]), bytes(chunks.data[chunks.starts[p] : chunks.ends[p]]))
                    for p in range(chunks.firsts[k], chunks.firsts[k + 1])
                ],
            )
            for k in range(chunks.offsets[i], chunks.offsets[i + 1])
        ]
        for i in range(len(chunks.offsets) - 1)
    ]


def test_parts_are_put_in_the_order_of_time_row_by_row() -> None:
    late = [(1000 + k, float(k)) for k in range(200)]
    first = chunks_of(late, [], [(7, 1.0)])
    second = chunks_of([(5, 2.0)], [(6, 3.0)])
    empty = ChunkColumns.raw(encode_series(empty_samples(0)))
    rows = np.arange(3)
    merged = ChunkColumns.merged([(rows[:0], empty), (rows, first), (rows[1:], second)], 4)
    own, other = content(first), content(second)
    assert content(merged) == [own[0], other[0], [*other[1], *own[2]], []]
    assert len(own[0]) == 2


def test_numbers_within() -> None:
    assert within(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
    assert within(np.array([], np.int64)).tolist() == []
