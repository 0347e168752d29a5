"""Kernels of the binary operators beside their twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.operators.kernels import first_clash
from tests.makers.promql.grouped_rows import GROUPS, ROWS, columns


@settings(max_examples=200, deadline=None)
@given(ROWS, st.lists(st.booleans(), min_size=3, max_size=3))
def test_first_clash(rows: list[tuple[int, list[bool]]], counts: list[bool]) -> None:
    group, present = columns(rows)
    seen = np.full((2, GROUPS), -1, np.int64)
    got = first_clash(group, present, np.array(counts), (0, 3), seen)
    assert got == naive_first_clash(rows, counts)
    seen[:] = -1
    parts = [first_clash(group, present, np.array(counts), (k, k + 1), seen) for k in range(3)]
    assert next((pair for pair in parts if pair[0] >= 0), (-1, -1)) == got


def naive_first_clash(rows: list[tuple[int, list[bool]]], counts: list[bool]) -> tuple[int, int]:
    for k in range(3):
        seen: dict[int, int] = {}
        for i, (g, there) in enumerate(rows):
            if counts[k] and there[k]:
                if g in seen:
                    return seen[g], i
                seen[g] = i
    return -1, -1
