"""Rows of few groups, for the kernels that work by group."""

import numpy as np
from hypothesis import strategies as st

GROUPS = 4
ROWS = st.lists(
    st.tuples(st.integers(0, GROUPS - 1), st.lists(st.booleans(), min_size=3, max_size=3)),
    max_size=9,
)


def columns(rows: list[tuple[int, list[bool]]]) -> tuple[np.ndarray, np.ndarray]:
    group = np.array([g for g, _ in rows], np.int64)
    return group, np.array([there for _, there in rows], np.bool_).reshape(-1, 3)
