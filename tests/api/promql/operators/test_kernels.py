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
    got = first_clash(group, GROUPS, present, np.array(counts))
    assert got == naive_first_clash(rows, counts)


def naive_first_clash(rows: list[tuple[int, list[bool]]], counts: list[bool]) -> tuple[int, int]:
    for k in range(3):
        seen: dict[int, int] = {}
        for i, (g, there) in enumerate(rows):
            if counts[k] and there[k]:
                if g in seen:
                    return seen[g], i
                seen[g] = i
    return -1, -1
