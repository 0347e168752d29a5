"""Numbers and texts of native histograms, against the plain twin."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.promql.native_histograms import values as native_values
from storage.histograms.columns import CUSTOM_SCHEMA
from storage.histograms.histograms import Parts, from_parts
from tests.makers.promql.histograms import parts
from tests.twins.promql.native_histograms import plain_of
from tests.twins.promql.native_values import fraction, lines_of, quantile, variance

ROW = np.array([0])
POSITIVE = Parts(0, 12.0, 100.0, 0.001, 2.0, [(0, 2), (1, 3), (3, 1), (4, 4)])
NEGATIVE = Parts(0, 12.0, 100.0, 0.001, 2.0, (), [(0, 2), (1, 3), (3, 1), (4, 4)])
CUSTOM = Parts(CUSTOM_SCHEMA, 4.0, 5.0, positive=[(0, 1), (1, 2), (2, 1)], bounds=[5, 10])


def near(wanted: float) -> object:
    return pytest.approx(wanted, rel=1e-12, nan_ok=True)


def quantile_of(p: Parts, q: float) -> float:
    return float(native_values.quantiles(from_parts([p]), ROW, np.array([q]))[0][0])


def fraction_of(p: Parts, lower: float, upper: float) -> float:
    low, high = np.array([lower]), np.array([upper])
    return float(native_values.fractions(from_parts([p]), ROW, low, high)[0][0])


@given(parts(), st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, 2.0, math.nan])))
def test_quantiles(p: Parts, q: float) -> None:
    assert quantile_of(p, q) == near(quantile(plain_of(p), q))


EDGES = st.one_of(
    st.floats(-20, 20), st.sampled_from([-math.inf, -1.0, 0.0, 0.001, 0.5, 2.0, math.inf, math.nan])
)


@given(parts(), EDGES, EDGES, st.booleans())
def test_fractions(p: Parts, lower: float, upper: float, has_nan: bool) -> None:
    if has_nan:
        p = Parts(p.schema, p.count, math.nan, p.zero_threshold, p.zero_count, p.positive)
    assume(p.schema != CUSTOM_SCHEMA or len(p.positive) == 0 or not has_nan)
    assert fraction_of(p, lower, upper) == near(fraction(plain_of(p), lower, upper))


@given(parts())
def test_deviations(p: Parts) -> None:
    h, wanted = from_parts([p]), variance(plain_of(p))
    assert native_values.stdvars(h, ROW)[0] == near(wanted)
    assert native_values.stddevs(h, ROW)[0] == near(math.sqrt(wanted))


@given(st.lists(parts(), max_size=4))
def test_lines(items: list[Parts]) -> None:
    lines = native_values.bucket_lines(from_parts(items), np.arange(len(items)))
    columns = (lines.lowers, lines.uppers, lines.counts)
    got = list(zip(*(column.tolist() for column in columns), strict=True))
    assert got == [line for item in items for line in lines_of(plain_of(item))]
    assert lines.offsets.tolist()[-1] == len(got)


@pytest.mark.parametrize(
    ("p", "q", "value"),
    [
        (POSITIVE, 0.99, 15.67072476139083),
        (POSITIVE, 0.9, 12.99603834169977),
        (POSITIVE, 0.6, 4.594793419988138),
        (POSITIVE, 0.5, 1.5874010519681994),
        (POSITIVE, 0.1, 0.0006),
        (POSITIVE, 0.0, 0.0),
        (POSITIVE, 1.0, 16.0),
        (NEGATIVE, 0.9166666666666666, -0.0005),
        (CUSTOM, 0.5, 7.5),
        (CUSTOM, 1.0, 10.0),
        (Parts(count=0.0), 0.5, math.nan),
        (Parts(CUSTOM_SCHEMA, 1.0, 1.0, positive=[(0, 1)], bounds=[-2.0]), 0.5, -2.0),
    ],
)
def test_quantiles_known(p: Parts, q: float, value: float) -> None:
    assert quantile_of(p, q) == near(value)


@pytest.mark.parametrize(
    ("p", "lower", "upper", "share"),
    [
        (POSITIVE, 0, math.inf, 1),
        (POSITIVE, -math.inf, 0, 0),
        (POSITIVE, 0, 0.0005, 0.08333333333333333),
        (POSITIVE, 1.5, 6, 0.15250624987980724),
        (NEGATIVE, -0.0005, 0, 0.08333333333333333),
        (NEGATIVE, -6, -1.5, 0.15250624987980724),
        (CUSTOM, 5, 10, 0.5),
        (POSITIVE, 42, 3.1415, 0),
        (POSITIVE, math.nan, 1, math.nan),
    ],
)
def test_fractions_known(p: Parts, lower: float, upper: float, share: float) -> None:
    assert fraction_of(p, lower, upper) == near(share)


def test_nan_observations_are_noted() -> None:
    p = Parts(count=4.0, sum=math.nan, positive=[(1, 3.0)])
    h, q = from_parts([p, POSITIVE]), np.array([0.5, 0.9, 0.5])
    values, are_nan, are_skewed = native_values.quantiles(h, np.array([0, 0, 1]), q)
    assert np.isnan(values).tolist() == [False, True, False]
    assert are_nan.tolist() == [False, True, False]
    assert are_skewed.tolist() == [True, False, False]
    low, high = np.array([0.0, 0.0, 0.0, np.nan]), np.array([np.inf, np.inf, 0.0, 1.0])
    shares, noted = native_values.fractions(h, np.array([0, 1, 0, 0]), low, high)
    assert shares.tolist()[:3] == [0.75, 1.0, 0.0]
    assert noted.tolist() == [True, False, False, False]


def test_averages() -> None:
    h = from_parts([Parts(count=4.0, sum=5.0), Parts(count=0.0, sum=1.0)])
    assert native_values.averages(h, np.array([0, 1])).tolist() == [1.25, math.inf]


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (Parts(), "{count:0, sum:0}"),
        (
            Parts(1, 7.0, 1e6, 0.001, 2.0, [(0, 1.0), (1, 0.25)], [(0, 1.0), (2, 2.0)]),
            "{count:7, sum:1e+06, [-2,-1.414213562373095):2, [-1,-0.7071067811865475):1, "
            "[-0.001,0.001]:2, (0.7071067811865475,1]:1, (1,1.414213562373095]:0.25}",
        ),
        (CUSTOM, "{count:4, sum:5, [-Inf,5]:1, (5,10]:2, (10,+Inf]:1}"),
    ],
)
def test_texts(p: Parts, text: str) -> None:
    assert native_values.text_of(from_parts([Parts(), p]), 1) == text
