"""Whole answers against plain text made one value at a time."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers import json_text as json_kernels
from api.answers.encoding import (
    TEXT_BLOCKS,
    Notes,
    SampleReplicas,
    TextBlocks,
    encode_data,
    encode_error,
    encode_labelsets,
    encode_result,
    encode_texts,
    format_plain,
    warm_encoder,
)
from api.promql.vectors.kernels import gather_cells
from api.promql.vectors.value import Matrix, Result, Scalar, String, Vector
from storage.histograms.columns import Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples
from tests.twins.answers import element_text, labelset_text, series_text

TIMES = st.integers(-(10**15), 10**15)
LABELSETS = st.dictionaries(
    st.sampled_from(["__name__", "a", "job", "ünï", 'quo"te']),
    st.sampled_from(["x", "y\n", 'z"\\', "ß", "up"]),
    max_size=4,
)


def frame(labelsets: list[dict[str, str]]) -> LabelFrame:
    return LabelFrame.from_dicts(Symbols(), labelsets)


def text(result: Result, **options: Any) -> str:
    return b"".join(encode_result(result, **options)).decode()


def envelope(kind: str, elements: list[str]) -> str:
    data = f'{{"resultType":"{kind}","result":[{",".join(elements)}]}}'
    return f'{{"status":"success","data":{data}}}'


# All in one block, and in blocks of which some cut a series.
BLOCKS = pytest.mark.parametrize("sizes", [TEXT_BLOCKS, TextBlocks(points=3, rows=2)])


def vector(labelsets: list[dict[str, str]], values: Any, present: Any = None) -> Vector:
    array = np.array(values, np.float64).reshape(len(labelsets), -1 if labelsets else 1)
    mask = np.ones(array.shape, np.bool_) if present is None else np.array(present, np.bool_)
    return Vector(frame(labelsets), array, mask)


def instant(value: Any, time_ms: int = 1_435_781_451_781, **notes: Any) -> Result:
    return Result(value, np.array([time_ms], np.int64), False, **notes)


def ranged(value: Any, steps: list[int], **notes: Any) -> Result:
    return Result(value, np.array(steps, np.int64), True, **notes)


@BLOCKS
@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), max_size=6), st.booleans())
@settings(max_examples=50)
def test_every_point_tells_its_replica(
    sizes: TextBlocks, series: list[list[int]], is_range: bool
) -> None:
    """series: the numbers of the replicas of each point."""
    replicas = [{"replica": 'a"'}, {"replica": "b", "z": "1"}, {}]
    labelsets = [{"i": str(i)} for i in range(len(series))]
    offsets = np.cumsum([0] + [len(points) for points in series]).astype(np.int64)
    flat = np.array([number for points in series for number in points], np.int32)
    times = np.concatenate([np.arange(len(p)) for p in series] or [np.zeros(0)]).astype(np.int64)
    if is_range:
        present = np.array([[k < len(p) for k in range(5)] for p in series], np.bool_)
        numbers = np.zeros((len(series), 5), np.int32)
        if len(series):
            numbers[present] = flat
        value = vector(labelsets, np.ones((len(series), 5)), present.reshape(-1, 5))
        origins = SampleReplicas(frame(replicas), numbers)
        made = text(ranged(value, list(range(5))), origins=origins, sizes=sizes)
    else:
        matrix = Matrix(frame(labelsets), Samples(offsets, times, np.ones(len(flat))))
        origins = SampleReplicas(frame(replicas), flat)
        made = text(instant(matrix), origins=origins, sizes=sizes)
    told = [element["replicas"] for element in json.loads(made)["data"]["result"]]
    assert told == [[replicas[number] for number in points] for points in series]


def test_an_instant_vector_tells_one_replica_each() -> None:
    value = vector([{"i": "1"}, {"i": "2"}], [5.0, 6.0])
    origins = SampleReplicas(frame([{"r": "a"}, {"r": "b"}]), np.array([[1], [0]], np.int32))
    assert json.loads(text(instant(value, 1_000), origins=origins))["data"]["result"] == [
        {"metric": {"i": "1"}, "value": [1, "5"], "replica": {"r": "b"}},
        {"metric": {"i": "2"}, "value": [1, "6"], "replica": {"r": "a"}},
    ]
    assert "replica" not in text(instant(value))


@pytest.mark.parametrize(
    ("result", "data"),
    [
        (instant(Scalar(np.array([2.0])), 4_000), '{"resultType":"scalar","result":[4,"2"]}'),
        (
            instant(Scalar(np.array([0.1]))),
            '{"resultType":"scalar","result":[1435781451.781,"0.1"]}',
        ),
        (instant(Scalar(np.array([1e21])), 500), '{"resultType":"scalar","result":[0.5,"1%s"]}'),
        (
            instant(String('a"\n\udcff'), 1_500),
            '{"resultType":"string","result":[1.5,"a\\"\\n\ufffd"]}',
        ),
        (instant(vector([], [])), '{"resultType":"vector","result":[]}'),
        (
            ranged(Vector(frame([]), np.zeros((0, 2)), np.zeros((0, 2), np.bool_)), [0, 1]),
            '{"resultType":"matrix","result":[]}',
        ),
        (
            instant(
                Matrix(
                    frame([]), Samples(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0))
                )
            ),
            '{"resultType":"matrix","result":[]}',
        ),
        (
            instant(vector([{"__name__": "up", "job": "a"}, {}], [1, float("nan")])),
            '{"resultType":"vector","result":['
            '{"metric":{"__name__":"up","job":"a"},"value":[1435781451.781,"1"]},'
            '{"metric":{},"value":[1435781451.781,"NaN"]}]}',
        ),
        (
            ranged(vector([{"a": "b"}], [[1, 0, 1e-7]], [[True, False, True]]), [0, 500, 1000]),
            '{"resultType":"matrix","result":['
            '{"metric":{"a":"b"},"values":[[0,"1"],[1,"1e-07"]]}]}',
        ),
    ],
)
def test_results(result: Result, data: str) -> None:
    zeros = "0" * 21
    assert text(result) == f'{{"status":"success","data":{data.replace("%s", zeros)}}}'


def check_vector(
    labelsets: list[dict[str, str]], steps: list[int], seed: int, sizes: TextBlocks
) -> None:
    random = np.random.default_rng(seed)
    shape = (len(labelsets), len(steps))
    values = np.where(
        random.random(shape) < 0.5,
        random.random(shape) * 1e12,
        np.round(random.random(shape) * 100),
    )
    present = random.random(shape) < 0.8
    present[:, -1] = True
    result = ranged(Vector(frame(labelsets), values, present), steps)
    want = [
        series_text(
            labelset,
            [(steps[i], float(values[row, i])) for i in np.flatnonzero(present[row])],
        )
        for row, labelset in enumerate(labelsets)
    ]
    assert text(result, sizes=sizes) == envelope("matrix", want)


@BLOCKS
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [1, 2, 5, 9])
@pytest.mark.parametrize("steps", [[0], [-1, 0, 1], list(range(0, 7_000, 500))])
def test_series_equal_the_twin(rows: int, steps: list[int], seed: int, sizes: TextBlocks) -> None:
    labelsets = [
        {"__name__": f"m{row // 2}", "a": "x" * (row % 3), "é": str(row)} for row in range(rows)
    ]
    labelsets = [{k: v for k, v in labelset.items() if v} for labelset in labelsets]
    check_vector(labelsets, steps, seed, sizes)


@BLOCKS
@pytest.mark.parametrize(
    "counts", [[1], [3], [4, 1, 1], [1, 7, 2, 3], [2, 1, 1, 1, 1, 9], [3, 3, 3]]
)
def test_range_vectors_of_an_instant_query_equal_the_twin(
    counts: list[int], sizes: TextBlocks
) -> None:
    labelsets = [{"i": str(i)} for i in range(len(counts))]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    timestamps = np.arange(offsets[-1], dtype=np.int64) * 1_001
    values = np.linspace(0, 1, offsets[-1])
    for array in (timestamps, values):
        array.flags.writeable = False  # as arrays of storage may be
    result = instant(Matrix(frame(labelsets), Samples(offsets, timestamps, values)))
    points = list(zip(timestamps.tolist(), values.tolist(), strict=True))
    want = [
        series_text(labelset, points[offsets[i] : offsets[i + 1]])
        for i, labelset in enumerate(labelsets)
    ]
    assert text(result, sizes=sizes) == envelope("matrix", want)
    for limit in range(1, len(counts)):
        assert text(result, limit=limit, sizes=sizes) == envelope("matrix", want[:limit])[:-1] + (
            ',"warnings":["results truncated due to limit"]}'
        )


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.tuples(LABELSETS, st.floats()), max_size=20), TIMES)
def test_instant_vectors_equal_the_twin(rows: list[tuple[dict[str, str], float]], now: int) -> None:
    labelsets, values = [row[0] for row in rows], [row[1] for row in rows]
    result = instant(vector(labelsets, values), now)
    want = [element_text(labelset, now, value) for labelset, value in rows]
    assert text(result) == envelope("vector", want)


@settings(deadline=None)  # the first call may compile
@given(st.lists(LABELSETS, max_size=10))
def test_label_sets_are_sorted_and_equal_the_twin(labelsets: list[dict[str, str]]) -> None:
    got = b"".join(encode_labelsets(frame(labelsets), limit=0)).decode()
    rows = sorted(labelsets, key=lambda s: [(k.encode(), v.encode()) for k, v in sorted(s.items())])
    want = ",".join(labelset_text(labelset) for labelset in rows)
    assert got == f'{{"status":"success","data":[{want}]}}'


@BLOCKS
def test_label_sets_are_cut_at_the_limit(sizes: TextBlocks) -> None:
    labels = frame([{"a": str(i)} for i in range(7)])
    got = json.loads(b"".join(encode_labelsets(labels, limit=5, sizes=sizes)))
    assert got["data"] == [{"a": str(i)} for i in range(5)]
    assert got["warnings"] == ["results truncated due to limit"]
    assert "warnings" not in json.loads(b"".join(encode_labelsets(labels, limit=7, sizes=sizes)))


def test_the_limit_keeps_the_first_series() -> None:
    result = instant(vector([{"a": "1"}, {"a": "2"}], [1, 2]), warnings=("w",), infos=("i",))
    got = json.loads(text(result, limit=1))
    assert [element["metric"] for element in got["data"]["result"]] == [{"a": "1"}]
    assert got["warnings"] == ["w", "results truncated due to limit"]
    assert got["infos"] == ["i"]
    assert "truncated" not in text(result, limit=2)
    assert "truncated" not in text(instant(Scalar(np.array([1.0]))), limit=1)


def test_stats_follow_the_result() -> None:
    result = instant(Scalar(np.array([1.0])), 0)
    assert text(result, stats={"timings": {"execTotalTime": 0.5}}) == (
        '{"status":"success","data":{"resultType":"scalar","result":[0,"1"],'
        '"stats":{"timings":{"execTotalTime":0.5}}}}'
    )


@pytest.mark.parametrize(
    ("notes", "tail"),
    [
        (Notes(), "}"),
        (Notes(warnings=("a", "b")), ',"warnings":["a","b"]}'),
        (Notes(infos=("a\udcff",)), ',"infos":["a\ufffd"]}'),
        (Notes(("w",), ("i",)), ',"warnings":["w"],"infos":["i"]}'),
        (
            Notes(tuple("abcdefghijkl"), tuple("abcdefghij")),
            ',"warnings":["a","b","c","d","e","f","g","h","i","j",'
            '"2 more warning annotations omitted"],'
            '"infos":["a","b","c","d","e","f","g","h","i","j"]}',
        ),
        (
            Notes(infos=tuple("abcdefghijk")),
            ',"infos":["a","b","c","d","e","f","g","h","i","j","1 more info annotations omitted"]}',
        ),
    ],
)
def test_notes(notes: Notes, tail: str) -> None:
    assert notes.encode().decode() == tail


def test_errors_have_no_data() -> None:
    got = encode_error("bad_data", 'invalid parameter "x": \udcff')
    assert got.decode() == (
        '{"status":"error","errorType":"bad_data","error":"invalid parameter \\"x\\": \ufffd"}'
    )


def test_plain_data_and_texts() -> None:
    assert encode_data({}) == b'{"status":"success","data":{}}'
    assert encode_texts([], limit=0) == b'{"status":"success","data":[]}'
    assert encode_texts(["a", "b\udcff"], limit=2).decode() == (
        '{"status":"success","data":["a","b\ufffd"]}'
    )
    assert encode_texts(["a", "b"], limit=1) == (
        b'{"status":"success","data":["a"],"warnings":["results truncated due to limit"]}'
    )


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (2.0, "2"),
        (1e-7, "0.0000001"),
        (1e22, "1" + "0" * 22),
        (1.5e300, "15" + "0" * 299),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (0.30000000000000004, "0.30000000000000004"),
    ],
)
def test_scalars_never_have_an_exponent(value: float, plain: str) -> None:
    assert format_plain(value).decode() == plain


@pytest.mark.skipif(not hasattr(json_kernels.write_series, "signatures"), reason="JIT is off")
def test_warm_kernels_fit_every_answer() -> None:
    warm_encoder()
    kernels = (
        *(json_kernels.write_series, json_kernels.write_labelsets, json_kernels.label_bytes),
        gather_cells,
    )
    compiled = [list(kernel.signatures) for kernel in kernels]
    labels = frame([{"a": "1"}, {"a": "2", "b": "3"}])
    samples = Samples(np.array([0, 1, 2]), np.array([0, 1]), np.array([0.5, 1.0]))
    for array in (samples.offsets, samples.timestamps, samples.values):
        array.flags.writeable = False
    for result in (
        instant(Matrix(labels, samples)),
        instant(vector([{}], [1 / 3])),
        instant(vector([], [])),
        ranged(vector([{"a": "b"}], [[1, 2]], [[True, False]]), [0, 1]),
        ranged(Vector(labels, np.ones((2, 2), order="F"), np.ones((2, 2), np.bool_)), [0, 1]),
    ):
        text(result)
    text(instant(Matrix(labels, samples)), origins=SampleReplicas(labels, np.zeros(2, np.int32)))
    b"".join(encode_labelsets(labels, limit=1))
    assert [list(kernel.signatures) for kernel in kernels] == compiled


def test_blocks_of_histograms_are_bounded_by_their_buckets() -> None:
    """100 series of 60 histograms with 200 buckets are some 30 MB of text."""
    histograms = from_parts([Parts(count=200.0, positive=[(k, 1.0) for k in range(200)])])
    natives = Natives(histograms, np.zeros((100, 60), np.int32))
    values = np.zeros((100, 60))
    series = frame([{"pod": str(k)} for k in range(100)])
    vector = Vector(series, values, np.ones(values.shape, np.bool_), natives=natives)
    blocks = list(encode_result(Result(vector, np.arange(60, dtype=np.int64), is_range=True)))
    assert sum(map(len, blocks)) > 20_000_000
    assert max(map(len, blocks)) < 1 << 20
