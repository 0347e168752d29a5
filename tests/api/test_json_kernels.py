"""The JSON kernels against their plain twins and against Go's own answers."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import json_kernels
from api.answer_texts import number_texts
from tests.naive_json import labelset_text, number_text, time_text

SHARED = Path(os.environ.get("CUPOLA_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = SHARED / "conformance" / "go_format_golden.json"
EDGES = [
    0.0,
    -0.0,
    1e-6,
    9.99e-7,
    1e-7,
    -1.5e-7,
    1e10,
    1.5e10,
    123456789012.5,
    1e15,
    -1.0000000000000002e15,
    4503599627370497.5,
    9007199254740993.0,
    1e20,
    999999999999999900000.0,
    1e21,
    -1e21,
    1.5e300,
    5e-324,
    1.7976931348623157e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    0.1,
    0.30000000000000004,
    123.4567,
    0.0001,
    0.00012,
    99999999999.9999,
]
numbers = st.one_of(
    st.floats(),
    st.sampled_from(EDGES),
    st.integers(-(10**16), 10**16).map(float),
    st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 8)).map(lambda p: p[0] / 10 ** p[1]),
)


def write_numbers(values: list[float]) -> list[str]:
    """The texts that the kernels make of values, by way of both forms."""
    array = np.array(values, np.float64)
    mantissas, scales = np.empty(len(array), np.int64), np.empty(len(array), np.int8)
    json_kernels.find_decimals(array, mantissas, scales)
    offsets, blob = number_texts(array[scales == json_kernels.NO_DECIMAL])
    out = np.zeros(json_kernels.POINT_BYTES_MAX, np.uint8)
    texts, text = [], 0
    for mantissa, scale in zip(mantissas, scales, strict=True):
        if scale == json_kernels.NO_DECIMAL:
            end = json_kernels.write_number_text(out, 0, blob, offsets[text], offsets[text + 1])
            text += 1
        else:
            end = json_kernels.write_decimal(out, 0, mantissa, scale)
        texts.append(out[:end].tobytes().decode())
    return texts


def test_numbers_are_written_as_go_writes_them() -> None:
    if not GOLDEN.exists():
        pytest.skip(f"no reference data at {GOLDEN}; set CUPOLA_SHARED")
    cases = json.loads(GOLDEN.read_text())["floats"]
    values = [np.uint64(int(case["bits"], 16)).view(np.float64).item() for case in cases]
    assert write_numbers(values) == [case["json"] for case in cases]


@settings(deadline=None)  # the first call may compile
@given(st.lists(numbers, max_size=30))
def test_numbers_equal_the_twin(values: list[float]) -> None:
    assert write_numbers(values) == [number_text(value) for value in values]


def test_numbers_at_the_edges_equal_the_twin() -> None:
    assert write_numbers(EDGES) == [number_text(value) for value in EDGES]


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.one_of(st.floats(), numbers), max_size=30))
def test_numbers_read_back_are_the_same(values: list[float]) -> None:
    read = [float(text) for text in write_numbers(values)]
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "0"),
        (1_435_781_451_781, "1435781451.781"),
        (1_435_781_451_500, "1435781451.500"),
        (1_435_781_451_000, "1435781451"),
        (1_050, "1.050"),
        (1, "0.001"),
        (-1, "-0.001"),
        (-1_500, "-1.500"),
        (-2_000, "-2"),
        (9_223_309_901_257_974_999, "9223309901257974.999"),
    ],
)
def test_times(time_ms: int, text: str) -> None:
    out = np.zeros(json_kernels.POINT_BYTES_MAX, np.uint8)
    end = json_kernels.write_time(out, 0, time_ms)
    assert out[:end].tobytes().decode() == text == time_text(time_ms)


@settings(deadline=None)  # the first call may compile
@given(st.integers(-(2**62), 2**62))
def test_times_equal_the_twin(time_ms: int) -> None:
    out = np.zeros(json_kernels.POINT_BYTES_MAX, np.uint8)
    end = json_kernels.write_time(out, 0, time_ms)
    assert out[:end].tobytes().decode() == time_text(time_ms)


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_elements_of_an_array_are_found(texts: list[str]) -> None:
    blob = json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode()
    starts = np.empty(len(texts) + 1, np.int64)
    json_kernels.find_elements(np.frombuffer(blob, np.uint8), starts)
    found = [blob[starts[i] : starts[i + 1] - 1] for i in range(len(texts))]
    assert [json.loads(text) for text in found] == texts


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), max_size=5))
def test_label_sets_equal_the_twin(rows: list[list[int]]) -> None:
    names, tokens = ["a", 'b"', "c\n"], ["", "x", 'y"', "zä"]
    ids = np.array(rows, np.int32).reshape(len(rows), 3)
    columns = (ids, *quoted(names), *quoted(tokens))
    size = json_kernels.label_bytes(ids, columns[1], columns[3]) + len(rows)
    out = np.zeros(size, np.uint8)
    end = json_kernels.write_labelsets(out, *columns)
    want = [
        "," + labelset_text({names[i]: tokens[k] for i, k in enumerate(row) if k}) for row in rows
    ]
    assert out[:end].tobytes().decode() == "".join(want)


def quoted(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    blob = json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode()
    starts = np.empty(len(texts) + 1, np.int64)
    json_kernels.find_elements(np.frombuffer(blob, np.uint8), starts)
    return starts, np.frombuffer(blob, np.uint8)
