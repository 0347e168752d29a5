"""The JSON kernels against their plain twins."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers import json_text as json_kernels
from api.answers.texts import quote_all, room_for
from tests.twins.answers import labelset_text, series_text


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
    columns = (ids, *quote_all(names), *quote_all(tokens))
    size = json_kernels.label_bytes(ids, columns[1], columns[3]) + len(rows)
    out = room_for(size)
    end = json_kernels.write_labelsets(out, *columns)
    want = [
        "," + labelset_text({names[i]: tokens[k] for i, k in enumerate(row) if k}) for row in rows
    ]
    assert out[:end].tobytes().decode() == "".join(want)


@settings(deadline=None)  # the first call may compile
@given(
    st.lists(st.lists(st.tuples(st.integers(-(2**60), 2**60), st.floats()), max_size=6), max_size=4)
)
def test_series_equal_the_twin(rows: list[list[tuple[int, float]]]) -> None:
    check_series(rows)


def test_times_that_share_a_place_are_told_apart() -> None:
    """More distinct times than are kept, each of them twice."""
    times = range(0, 3 << json_kernels.KEPT_TIMES_BITS)
    row = [(1_500 * time, 0.5) for time in times]
    check_series([row, row[::2], [], row[:1]])


def check_series(rows: list[list[tuple[int, float]]]) -> None:
    points = [point for row in rows for point in row]
    offsets = np.cumsum([0] + [len(row) for row in rows])
    size = (json_kernels.SERIES_BYTES_MAX + 8) * len(rows)
    out = room_for(size + json_kernels.POINT_BYTES_MAX * len(points))
    end = json_kernels.write_series(
        out,
        room_for(json_kernels.KEPT_TEXTS_BYTES),
        np.arange(len(rows), dtype=np.int32).reshape(-1, 1) % 2,
        *quote_all(["a"]),
        *quote_all(["", "b"]),
        offsets,
        np.array([time for time, _ in points], np.int64),
        np.array([value for _, value in points], np.float64),
        np.empty(0, np.int32),
        np.zeros(1, np.int64),
        room_for(0),
        False,
        False,
        False,
    )
    want = [series_text({"a": "b"} if i % 2 else {}, row) for i, row in enumerate(rows)]
    assert out[:end].tobytes().decode() == "".join(f",{text}" for text in want)
