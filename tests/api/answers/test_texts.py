"""Native histograms in answers, and texts that are not UTF-8."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers.encoding import SampleReplicas, encode_result
from api.answers.texts import dump, histogram_texts
from api.promql.vectors.natives import natives_at
from api.promql.vectors.value import Matrix, Result, Vector
from storage.histograms.columns import CUSTOM_SCHEMA
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.memory_store import samples_of
from tests.makers.native_points import NativePoint, histograms_of
from tests.twins.answers import Line, histogram_text

BOTH_SIDES = NativePoint(
    sum=-0.1,
    count=13.5,
    zero_count=1.0,
    zero_threshold=0.001,
    positive=((1, 1 / 3), (3, 2.0)),
    negative=((1, 4.0), (2, 5.0)),
)
BOTH_LINES: list[Line] = [
    (1, -4.0, -2.0, 5.0),
    (1, -2.0, -1.0, 4.0),
    (3, -0.001, 0.001, 1.0),
    (0, 1.0, 2.0, 1 / 3),
    (0, 4.0, 8.0, 2.0),
]
CUSTOM = NativePoint(CUSTOM_SCHEMA, 1e21, 7.0, positive=((0, 1.0), (2, 6.0)), bounds=(-1.5, 2.0))
CUSTOM_LINES: list[Line] = [(3, -math.inf, -1.5, 1.0), (0, 2.0, math.inf, 6.0)]
EMPTY = NativePoint(sum=math.nan)


def text(result: Result, **options: Any) -> Any:
    answer = b"".join(encode_result(result, **options))
    return json.loads(answer)["data"]["result"]


def test_histograms_are_objects_with_their_buckets_in_order() -> None:
    histograms = histograms_of([BOTH_SIDES, CUSTOM, EMPTY])
    texts = histogram_texts(histograms, np.array([2, 0, 1, 0], np.int32))
    got = [
        bytes(texts.text[a:b]).decode()
        for a, b in zip(texts.starts, texts.starts[1:], strict=False)
    ]
    both = histogram_text(13.5, -0.1, BOTH_LINES)
    assert got == [
        histogram_text(0.0, math.nan, []),
        both,
        histogram_text(7.0, 1e21, CUSTOM_LINES),
        both,
    ]


@settings(max_examples=50, deadline=None)
@given(
    cells=st.lists(
        st.lists(st.sampled_from([None, 1.5, 1 / 3, math.inf, "h"]), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_floats_come_before_histograms_and_keep_their_replicas(cells: list[list[Any]]) -> None:
    shape = (len(cells), 3)
    flat = [cell for row in cells for cell in row]
    places = np.array([i for i, cell in enumerate(flat) if cell == "h"], np.int64)
    natives = natives_at(histograms_of([CUSTOM] * len(places)), places, shape)
    values = np.array([cell if isinstance(cell, float) else 7.0 for cell in flat]).reshape(shape)
    present = np.array([cell is not None for cell in flat]).reshape(shape)
    labels = LabelFrame.from_dicts(Symbols(), [{"i": str(i)} for i in range(len(cells))])
    replicas = LabelFrame.from_dicts(labels.symbols, [{"r": "a"}, {"r": "b"}])
    numbers = np.arange(len(flat), dtype=np.int32).reshape(shape) % 2
    result = Result(Vector(labels, values, present, None, natives), np.arange(3), is_range=True)
    plain, told = text(result), text(result, origins=SampleReplicas(replicas, numbers))
    shown = {1.5: "1.5", 1 / 3: "0.3333333333333333", math.inf: "+Inf"}
    for i, row in enumerate(cells):
        floats = [k for k in range(3) if isinstance(row[k], float)]
        histograms = [k for k in range(3) if row[k] == "h"]
        assert [v for _, v in plain[i].get("values", [])] == [shown[row[k]] for k in floats]
        assert len(plain[i].get("histograms", [])) == len(histograms)
        expected = [replicas.labelset(int(numbers[i, k])) for k in (*floats, *histograms)]
        if histograms:
            assert told[i]["replicas"] == expected
            assert plain[i]["histograms"][0][1] == json.loads(
                histogram_text(7.0, 1e21, CUSTOM_LINES)
            )


def test_an_instant_vector_has_one_histogram_or_float_per_element() -> None:
    natives = natives_at(histograms_of([EMPTY]), np.array([1]), (2, 1))
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "1"}, {"a": "2"}])
    vector = Vector(labels, np.ones((2, 1)), np.ones((2, 1), np.bool_), None, natives)
    assert text(Result(vector, np.array([1500]), is_range=False)) == [
        {"metric": {"a": "1"}, "value": [1.5, "1"]},
        {"metric": {"a": "2"}, "histogram": [1.5, {"count": "0", "sum": "NaN"}]},
    ]


def test_range_vectors_show_their_histograms() -> None:
    samples = samples_of([[(1000, 2.0, 0), (2000, CUSTOM, 0)], [(3000, EMPTY, 0)]])
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "1"}, {"a": "2"}])
    got = text(Result(Matrix(labels, samples), np.array([0]), is_range=False))
    assert got[0]["values"] == [[1, "2"]]
    assert [point[0] for point in got[0]["histograms"]] == [2]
    assert "values" not in got[1]
    assert got[1]["histograms"] == [[3, {"count": "0", "sum": "NaN"}]]


@pytest.mark.parametrize("value", ["\udcff", {"\udcff": ["\udcff"]}])
def test_bytes_that_are_no_text_are_replaced(value: Any) -> None:
    assert b"\xef\xbf\xbd" in dump(value)
