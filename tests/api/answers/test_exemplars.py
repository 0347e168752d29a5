"""Exemplars as JSON text: values, times, and blocks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from api.answers.exemplars import encode_exemplars, format_time, format_value
from storage.labels.frames import LabelFrame, Symbols
from storage.read.exemplars import ExemplarSelection


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (9.99e-7, "9.99e-07"),
        (-1.5e-10, "-1.5e-10"),
        (5e-324, "5e-324"),
        (123456789.0, "123456789"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e300, "-1.25e+300"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_values(value: float, text: str) -> None:
    assert format_value(value) == text.encode()


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, "0"), (1, "0.001"), (1500, "1.500"), (2000, "2"), (-1, "-0.001"), (-2500, "-2.500")],
)
def test_times(time_ms: int, text: str) -> None:
    assert format_time(time_ms) == text.encode()


@pytest.mark.parametrize("block", [1, 3, 100])
def test_blocks_are_one_answer(block: int) -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"x": str(9 - i)} for i in range(5)])
    selection = ExemplarSelection(
        labels, np.arange(0, 11, 2), np.arange(10), np.arange(10.0), [()] * 10
    )
    parts = list(encode_exemplars(selection, block_exemplars=block))
    assert (len(parts) > 2) is (block < 10)
    data = json.loads(b"".join(parts))["data"]
    assert [series["seriesLabels"]["x"] for series in data] == ["5", "6", "7", "8", "9"]
    assert [[e["timestamp"] for e in series["exemplars"]] for series in data] == [
        [t / 1000, (t + 1) / 1000] for t in (8, 6, 4, 2, 0)
    ]
