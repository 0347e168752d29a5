"""The lines of histograms with custom buckets, beside what counts them one by one."""

import math

import numpy as np

from api.answers.exposition.classic import BUCKET, COUNT, SUM, classic_lines
from storage.histograms.columns import CUSTOM_SCHEMA
from storage.histograms.histograms import Parts, from_parts

Line = tuple[int, int, float, float]


def custom(bounds: list[float], counts: dict[int, float], total: float) -> Parts:
    return Parts(
        CUSTOM_SCHEMA, sum(counts.values()), total, positive=[*counts.items()], bounds=bounds
    )


def slow_lines(parts: list[Parts]) -> list[Line]:
    found: list[Line] = []
    for row, part in enumerate(parts):
        for place, upper in enumerate(part.bounds):
            below = sum(count for index, count in part.positive if index <= place)
            found.append((row, BUCKET, upper, below))
        found.append((row, BUCKET, math.inf, part.count))
        found += [(row, SUM, math.inf, part.sum), (row, COUNT, math.inf, part.count)]
    return found


def lines(parts: list[Parts]) -> list[Line]:
    found = classic_lines(from_parts(parts))
    columns = (found.owners, found.kinds, found.bounds, found.values)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_one_by_one() -> None:
    lot = np.random.default_rng(5)
    parts = []
    for _ in range(200):
        bounds = np.unique(lot.normal(size=lot.integers(0, 9))).tolist()
        indexes = np.flatnonzero(lot.random(len(bounds) + 1) < 0.6).tolist()
        counts = {index: float(lot.integers(1, 1 << 40)) for index in indexes}
        parts.append(custom(bounds, counts, float(lot.normal())))
    assert lines(parts) == slow_lines(parts)
    assert lines([]) == []


def test_by_hand() -> None:
    assert lines([custom([0.5, 1.0], {0: 2, 2: 3}, 9.5)]) == [
        (0, BUCKET, 0.5, 2), (0, BUCKET, 1.0, 2), (0, BUCKET, math.inf, 5),
        (0, SUM, math.inf, 9.5), (0, COUNT, math.inf, 5),
    ]  # fmt: skip
