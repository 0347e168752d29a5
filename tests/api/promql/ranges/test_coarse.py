"""Queries of downsampled series: what they answer, and what they have to say."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from api.promql.engine import Engine
from api.promql.features import ALL_FEATURES
from api.promql.options import EngineOptions
from api.promql.vectors.value import Matrix, Result, Vector
from storage.downsampling.aggregates import RESOLUTION_1H_MS as H1
from tests.makers.downsampling.coarse_store import CoarseStore
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import NativePoint

MINUTE = 60_000
HOURS = 12


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(threads=1), ALL_FEATURES)
    yield made
    made.close()


def filled(store: MemoryStore) -> MemoryStore:
    """A sample a minute, seven seconds past it: a counter with resets, one that began in the middle
    of an hour and a gauge."""
    rng = np.random.default_rng(5)
    times = [t * MINUTE + 7_000 for t in range(HOURS * 60)]
    for name, first in (("c_total", 0), ("late_total", 250), ("g", 0)):
        values = rng.integers(0, 50, len(times)).astype(float)
        if name != "g":
            values = np.cumsum(values)
            for reset in (95, 97, 400):
                values[reset:] -= values[reset] - reset
        samples = list(zip(times, values.tolist(), strict=True))[first:]
        store.write({"__name__": name, "of": name}, samples)
    return store


RAW = filled(MemoryStore())
COARSE = filled(CoarseStore(H1))


def asked(engine: Engine, store: MemoryStore, text: str, step_ms: int = H1) -> Result:
    return engine.range_query(store, text, 5 * H1, HOURS * H1, step_ms, resolution_ms=H1)


def table(result: Result) -> dict[str, list[float]]:
    value = result.value
    assert isinstance(value, Vector)
    cells = np.where(value.present, value.values, -1e300)
    return {str(value.labels.labelset(i)): cells[i].tolist() for i in range(value.labels.rows)}


EXACT = [
    *(f"{f}({{__name__=~'.*_total'}}[4h])" for f in ("rate", "increase", "resets")),
    *(
        f"{f}_over_time({{__name__=~'.+'}}[4h])"
        for f in ("min", "max", "sum", "avg", "count", "present", "first", "last")
    ),
    "delta(g[5h])",
    "absent_over_time(late_total[4h] offset 1h)",
    "ts_of_max_over_time(c_total[4h])",
    "ts_of_last_over_time(g[4h])",
    "{__name__=~'.+'}",
    "timestamp(g)",
    "sum(c_total) + count({__name__=~'.+'})",
    "avg_over_time(g[4h:1h])",
    "increase(c_total[4h:1h])",
]


@pytest.mark.parametrize("text", EXACT)
def test_whole_windows_are_answered_as_from_all_samples(engine: Engine, text: str) -> None:
    expected, found = asked(engine, RAW, text), asked(engine, COARSE, text)
    assert found.warnings == expected.warnings == ()
    assert found.infos == expected.infos
    wanted = table(expected)
    assert any(cell != -1e300 for row in wanted.values() for cell in row)
    assert table(found) == {name: pytest.approx(row) for name, row in wanted.items()}


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("rate(c_total[4h] offset 20m)", 0.05),
        ("increase(c_total[5h] offset 50m)", 0.05),
        ("avg_over_time(c_total[4h] offset 20m)", 0.15),
        ("count_over_time(c_total[4h] offset 20m)", 0.0),
        ("sum_over_time(c_total[4h] offset 20m)", 0.15),
        ("irate(c_total[4h])", math.inf),
        ("deriv(g[1d])", math.inf),
        ("predict_linear(g[1d], 60)", math.inf),
    ],
)
def test_windows_that_are_cut_are_answered_nearly(engine: Engine, text: str, off: float) -> None:
    expected, found = table(asked(engine, RAW, text)), table(asked(engine, COARSE, text))
    assert found.keys() == expected.keys()
    for name, row in expected.items():
        assert found[name] == pytest.approx(row, rel=max(off, 1e-12))


def test_a_range_of_a_part_of_a_window_is_a_part_of_its_rise(engine: Engine) -> None:
    """There is an answer where Thanos has none, and it says what it is."""
    found = asked(engine, COARSE, "rate(c_total[5m])", 5 * MINUTE)
    assert np.isfinite(list(table(found).values())).all()
    (warning,) = found.warnings
    assert warning == (
        "PromQL warning: rate() over less than 4h is estimated, but of some times only what was "
        "downsampled to 1h is left (1:6)"
    )
    whole = sum(table(found)["{'of': 'c_total'}"][:-1]) * 300
    hours = table(asked(engine, RAW, "increase(c_total[7h])"))["{'of': 'c_total'}"][-1]
    assert whole == pytest.approx(hours, rel=0.02)


@pytest.mark.parametrize(
    "func", ["changes", "stddev_over_time", "stdvar_over_time", "mad_over_time"]
)
def test_what_needs_all_samples_says_that_it_has_not_got_them(engine: Engine, func: str) -> None:
    found = asked(engine, COARSE, f"{func}(g[5h])")
    assert found.warnings == (
        f"PromQL warning: {func}() needs all samples, but of some times only what was downsampled "
        f"to 1h is left (1:{len(func) + 2})",
    )
    assert len(table(found)) == 1
    assert asked(engine, RAW, f"{func}(g[5h])").warnings == ()


def test_a_quantile_and_a_smoothed_range_need_all_samples(engine: Engine) -> None:
    for text in ("quantile_over_time(0.5, g[5h])", "rate(c_total[5h] smoothed)"):
        (warning,) = asked(engine, COARSE, text).warnings
        assert "() needs all samples, but of some times only" in warning


def test_the_samples_of_a_range_are_real_ones(engine: Engine) -> None:
    found, raw = (engine.instant_query(store, "g[2h]", HOURS * H1).value for store in (COARSE, RAW))
    assert isinstance(found, Matrix) and isinstance(raw, Matrix)
    points, all_points = (
        set(zip(m.samples.timestamps.tolist(), m.samples.values.tolist(), strict=True))
        for m in (found, raw)
    )
    assert points < all_points and len(points) >= 4
    (warning,) = engine.instant_query(COARSE, "g[2h]", HOURS * H1).warnings
    assert "these are not all samples" in warning


def histograms(store: MemoryStore) -> MemoryStore:
    samples = []
    for t in range(HOURS * 60):
        count = float(t % 250) * 3
        point = NativePoint(sum=count, count=count, positive=((1, count),))
        samples.append((t * MINUTE + 7_000, point))
    store.write({"__name__": "h"}, samples)
    return store


@pytest.mark.parametrize(
    "text",
    [
        "histogram_count(increase(h[4h]))",
        "histogram_sum(rate(h[4h]))",
        "resets(h[4h])",
        "count_over_time(h[4h])",
        "histogram_count(h)",
        "histogram_count(last_over_time(h[4h]))",
    ],
)
def test_histograms_are_answered_as_from_all_of_them(engine: Engine, text: str) -> None:
    expected = asked(engine, histograms(MemoryStore()), text)
    found = asked(engine, histograms(CoarseStore(H1)), text)
    assert found.warnings == () and expected.warnings == ()
    assert table(found) == {
        name: pytest.approx(row, rel=0.01) for name, row in table(expected).items()
    }


def test_sums_of_histograms_need_all_of_them(engine: Engine) -> None:
    (warning,) = asked(engine, histograms(CoarseStore(H1)), "sum_over_time(h[4h])").warnings
    assert "sum_over_time() of native histograms needs all samples" in warning
