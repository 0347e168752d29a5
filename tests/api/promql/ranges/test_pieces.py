"""Windows in pieces: the same cells as all at once, and a look at the query before each piece."""

import numpy as np
import pytest

from api.promql.ranges import pieces, reductions
from api.promql.ranges.floats import FloatFunction, predictions, quantiles, rate, reduction, smooth
from api.promql.ranges.pieces import in_pieces, steps_at_once
from api.promql.ranges.table import over
from api.promql.ranges.windows import Windows
from storage.samples.samples import Samples

STEPS = 23


def samples_of(series: int, seed: int = 1) -> Samples:
    """Series of different lengths, some of them empty, at times of their own."""
    lot = np.random.default_rng(seed)
    lengths = lot.integers(0, 60, series)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    parts = [np.sort(lot.choice(400, length, replace=False)) for length in lengths]
    times = np.concatenate([np.zeros(0), *parts]).astype(np.int64)
    return Samples(offsets, times, lot.normal(size=len(times)))


def windows_of(range_ms: int) -> Windows:
    ends = np.arange(STEPS, dtype=np.int64) * 17 + 5
    return Windows(ends, ends.copy(), range_ms)


@pytest.mark.parametrize("looks", [1, 40, 700])
@pytest.mark.parametrize("series", [0, 1, 2, 9])
@pytest.mark.parametrize(
    ("function", "params"),
    [
        (reduction(reductions.MAX), 0),
        (reduction(reductions.STDDEV), 0),
        (reduction(reductions.DERIV, needed=2), 0),
        (rate(is_counter=True, is_rate=True), 0),
        (quantiles, 1),
        (predictions, 1),
        (smooth, 2),
    ],
)
def test_pieces_are_what_all_at_once_is(
    function: FloatFunction, params: int, series: int, looks: int
) -> None:
    given = [np.linspace(0.01, 0.9, STEPS) for _ in range(params)]
    for range_ms in (1, 60, 1_000):
        samples, windows = samples_of(series), windows_of(range_ms)
        wanted, wanted_present = function(samples, windows, given)
        got, present = in_pieces(function, samples, windows, given, check=lambda: None, looks=looks)
        np.testing.assert_array_equal(present, wanted_present)
        np.testing.assert_array_equal(got[present], wanted[wanted_present])


def test_one_piece_needs_no_look_and_others_one_each() -> None:
    looked: list[int] = []
    samples, windows = samples_of(9), windows_of(100)
    function = reduction(reductions.MAX)

    def check() -> None:
        looked.append(len(looked))
        if len(looked) == 4:
            raise TimeoutError

    in_pieces(function, samples, windows, [], check=check, looks=1 << 30)
    assert looked == []
    with pytest.raises(TimeoutError):
        in_pieces(function, samples, windows, [], check=check, looks=1)
    assert len(looked) == 4


def test_steps_go_by_the_looks_at_samples() -> None:
    offsets, times = np.array([0, 100], np.int64), np.arange(100, dtype=np.int64)
    samples = Samples(offsets, times, np.zeros(100))
    ends = np.arange(1, 101, dtype=np.int64)
    assert steps_at_once(samples, Windows(ends, ends, 10), 50) == 5
    assert steps_at_once(samples, Windows(ends, ends, 10_000_000), 50) == 1
    assert steps_at_once(samples, Windows(ends[:0], ends[:0], 10), 50) == 1
    empty = Samples(np.zeros(2, np.int64), times[:0], np.zeros(0))
    assert steps_at_once(empty, Windows(ends, ends, 10), 50) == 100


def test_functions_of_queries_are_computed_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """mad_over_time looks at each sample several times, so its pieces are smaller."""
    monkeypatch.setattr("api.promql.ranges.table.PIECE_LOOKS", 8)
    looked = dict.fromkeys(("max_over_time", "mad_over_time"), 0)
    for name in looked:

        def check(name: str = name) -> None:
            looked[name] += 1

        over(name, samples_of(3), windows_of(20), [], check=check)
    assert 1 < looked["max_over_time"] <= looked["mad_over_time"] <= STEPS
    assert pieces.PIECE_LOOKS > 8


def test_what_looks_at_ends_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate goes over all samples once, however long windows are; a sum looks at each of them."""
    ends = np.arange(1_000, 2_000)
    windows = Windows(ends, ends, 900)
    samples = Samples(np.array([0, 200]), np.arange(0, 2_000, 10), np.arange(200.0))
    monkeypatch.setattr("api.promql.ranges.table.PIECE_LOOKS", 1 << 13)
    checks = dict.fromkeys(("rate", "increase", "sum_over_time"), 0)
    for func in checks:

        def check(func: str = func) -> None:
            checks[func] += 1

        over(func, samples, windows, [], check=check)
    assert (checks["rate"], checks["increase"]) == (0, 0)  # a lone piece is not checked
    assert checks["sum_over_time"] > 1
