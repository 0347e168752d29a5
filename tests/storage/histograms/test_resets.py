"""Counter resets of native histograms, against their plain twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.histograms.columns import CUSTOM_SCHEMA, HINT_NOT_RESET, HINT_RESET
from storage.histograms.histograms import Parts, from_parts
from storage.histograms.resets import detect_resets
from tests.makers.promql.histograms import COUNTS, grown, parts
from tests.twins.promql.native_histograms import is_reset, plain_of


def resets(before: Parts, after: Parts) -> bool:
    h = from_parts([before, after])
    return bool(detect_resets(h, np.array([0]), np.array([1]))[0])


GROWING = st.tuples(*[st.one_of(st.just(0.0), COUNTS)] * 3)


@given(parts(), parts())
def test_any_two(before: Parts, after: Parts) -> None:
    assert resets(before, after) == is_reset(plain_of(before), plain_of(after))


@given(parts(), GROWING, st.integers(0, 4), st.sampled_from([0.0, 0.5, 2.0]))
def test_a_grown_one_under_another_schema_and_threshold(
    before: Parts, amounts: tuple[float, ...], shift: int, wider: float
) -> None:
    after = grown(before, amounts)
    if before.schema != CUSTOM_SCHEMA:
        finer = Parts(
            before.schema + shift,
            *(before.count, before.sum, before.zero_threshold, before.zero_count),
            *(before.positive, before.negative, (), before.hint),
        )
        wide = Parts(
            after.schema,
            *(after.count, after.sum, after.zero_threshold + wider, after.zero_count + 1e9),
            *(after.positive, after.negative, (), after.hint),
        )
        assert resets(finer, wide) == is_reset(plain_of(finer), plain_of(wide))
    assert resets(before, after) == is_reset(plain_of(before), plain_of(after))


CUSTOM = {"schema": CUSTOM_SCHEMA, "count": 15.0}


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        (Parts(count=2.0), Parts(count=1.0), True),
        (Parts(count=2.0), Parts(count=1.0, hint=HINT_NOT_RESET), False),
        (Parts(count=2.0), Parts(count=3.0, hint=HINT_RESET), True),
        (Parts(schema=1), Parts(schema=2), True),
        (Parts(schema=2), Parts(schema=1), False),
        (Parts(), Parts(schema=CUSTOM_SCHEMA), True),
        (Parts(zero_threshold=0.1), Parts(zero_threshold=0.01), True),
        (Parts(zero_count=1.0), Parts(zero_count=0.5), True),
        # The wider zero bucket cuts a bucket that was not empty.
        (Parts(positive=[(1, 1.0)]), Parts(zero_threshold=1.5, zero_count=9.0), True),
        (Parts(positive=[(1, 1.0)]), Parts(zero_threshold=2.0, zero_count=9.0), False),
        (Parts(positive=[(1, 1.0)]), Parts(zero_threshold=2.0), True),
        (Parts(positive=[(1, 1.0)]), Parts(), True),
        (
            Parts(**CUSTOM, bounds=[2, 4, 6], positive=[(0, 1), (1, 2), (2, 5), (3, 7)]),
            Parts(**CUSTOM, bounds=[2, 3, 4, 6], positive=[(0, 1), (2, 1), (3, 5), (4, 8)]),
            True,
        ),
        (
            Parts(**CUSTOM, bounds=[2, 4, 6], positive=[(0, 1), (1, 2), (2, 5), (3, 7)]),
            Parts(**CUSTOM, bounds=[2, 3, 4, 6], positive=[(0, 1), (2, 2), (3, 5), (4, 7)]),
            False,
        ),
    ],
)
def test_rules(before: Parts, after: Parts, is_one: bool) -> None:
    assert resets(before, after) == is_one


def test_without_a_histogram_before_there_is_no_reset() -> None:
    h = from_parts([Parts(hint=HINT_RESET)])
    assert not detect_resets(h, np.array([-1]), np.array([0])).any()
