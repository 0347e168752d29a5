"""What is kept of counter reset hints, against the plain twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, HINT_RESET, HINT_UNKNOWN
from storage.histograms.hints import CHUNK_RANGE_MS, filled_hints, hints_after
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.stale import STALE_NAN
from tests.makers.promql.histograms import COUNTS, grown, parts
from tests.twins.promql.native_histograms import continues, is_reset, plain_of

UNKNOWN, RESET, NOT_RESET, GAUGE = HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE


def kept(before: Parts | None, after: Parts, before_ms: int = 0, time_ms: int = 1) -> int:
    h = from_parts([before or Parts(), after])
    rows = np.array([-1 if before is None else 0])
    hints = hints_after(h, rows, np.array([1]), np.array([before_ms]), np.array([time_ms]))
    return int(hints[0])


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        (None, Parts(), UNKNOWN),
        (None, Parts(hint=NOT_RESET), UNKNOWN),
        (None, Parts(hint=GAUGE), GAUGE),
        (Parts(), Parts(), NOT_RESET),
        (Parts(hint=GAUGE), Parts(hint=GAUGE), GAUGE),
        (Parts(hint=GAUGE), Parts(), UNKNOWN),
        (Parts(), Parts(hint=RESET), UNKNOWN),
        (Parts(count=2.0), Parts(count=1.0, hint=NOT_RESET), UNKNOWN),
        (Parts(schema=1), Parts(schema=0), UNKNOWN),
        (Parts(zero_threshold=0.1), Parts(zero_threshold=0.2), UNKNOWN),
        (Parts(sum=float(STALE_NAN)), Parts(), UNKNOWN),
        (Parts(positive=[(1, 2.0)]), Parts(positive=[(1, 1.0)]), UNKNOWN),
        (Parts(positive=[(1, 2.0)]), Parts(positive=[(1, 2.0), (2, 1.0)]), NOT_RESET),
    ],
)
def test_rules(before: Parts | None, after: Parts, hint: int) -> None:
    assert kept(before, after) == hint


@pytest.mark.parametrize(
    ("before_ms", "time_ms", "hint"),
    [
        (CHUNK_RANGE_MS - 2, CHUNK_RANGE_MS - 1, NOT_RESET),
        (CHUNK_RANGE_MS - 1, CHUNK_RANGE_MS, UNKNOWN),
        (-1, 0, UNKNOWN),
    ],
)
def test_each_aligned_range_begins_anew(before_ms: int, time_ms: int, hint: int) -> None:
    assert kept(Parts(), Parts(), before_ms, time_ms) == hint


AMOUNTS = st.tuples(*[st.one_of(st.just(0.0), COUNTS)] * 3)


@given(parts(), st.one_of(parts(), AMOUNTS))
def test_any_two(before: Parts, other: Parts | tuple[float, ...]) -> None:
    after = other if isinstance(other, Parts) else grown(before, other)
    if after.hint == GAUGE:
        wanted = GAUGE
    elif after.hint == RESET or before.hint == GAUGE:
        wanted = UNKNOWN
    else:
        wanted = NOT_RESET if continues(plain_of(before), plain_of(after)) else UNKNOWN
    assert kept(before, after) == wanted


@given(parts(), parts())
def test_unknown_hints_are_filled_in(before: Parts, after: Parts) -> None:
    h = from_parts([before, after])
    first, second = filled_hints(h, np.array([-1, 0]), np.array([0, 1])).tolist()
    assert first == before.hint
    if after.hint == UNKNOWN:
        assert second == (RESET if is_reset(plain_of(before), plain_of(after)) else NOT_RESET)
    else:
        assert second == after.hint
