"""Blocks cover every cell once, in order, and are as large as is allowed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.vectors import blocks as module
from api.promql.vectors.blocks import blocks, group_blocks

CELLS = 24


@pytest.fixture(autouse=True, scope="module")
def _small() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CELLS_AT_ONCE", CELLS)
        yield


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.integers(0, 40))
def test_rows_come_in_stretches(rows: int, width: int) -> None:
    looks: list[None] = []
    parts = list(blocks(lambda: looks.append(None), rows, width))
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    assert len(looks) == len(parts) - 1
    for part in parts:
        assert part.stop - part.start <= 1 or (part.stop - part.start) * width <= CELLS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 40))
def test_groups_come_together_or_by_steps(sizes: list[int], steps: int) -> None:
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    looks: list[None] = []
    seen = np.zeros((len(sizes), steps), np.int64)
    parts = list(group_blocks(lambda: looks.append(None), offsets, steps))
    for first, end, step, end_step in parts:
        seen[first:end, step:end_step] += 1
        rows, width = int(offsets[end] - offsets[first]), end_step - step
        assert rows * width <= CELLS or rows == 1 or (end == first + 1 and width == 1)
    assert (seen == 1).all()
    assert len(looks) == max(0, len(parts) - 1)
