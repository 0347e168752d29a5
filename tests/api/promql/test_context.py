"""The budget of a query, and contexts at other steps."""

import numpy as np
import pytest

from api.promql.annotations import Annotations
from api.promql.bounds import Bound
from api.promql.context import Budget, Context
from api.promql.errors import QueryCanceled, QueryTimeout, TooManySamples
from api.promql.features import Features
from api.promql.options import EngineOptions
from storage.labels.frames import Symbols

TEN = Bound(10, "query.max-samples")


def test_held_samples_are_counted_and_released() -> None:
    budget = Budget(TEN, 1000)
    budget.charge(6)
    held = budget.held
    budget.charge(4)
    with pytest.raises(TooManySamples, match=r"\(11; limit: query\.max-samples=10\)"):
        budget.charge(1)
    budget.release_to(held)
    budget.charge(4)
    assert (budget.held, budget.peak) == (10, 11)


def test_a_query_stops_when_its_time_is_over_or_nobody_waits() -> None:
    Budget(TEN, 10_000).check()
    with pytest.raises(QueryTimeout, match=r"\(limit: query\.timeout=-1 ms\)"):
        Budget(TEN, -1).check()
    with pytest.raises(QueryCanceled):
        Budget(TEN, -1, cancelled=lambda: True).check()


def test_a_context_at_other_steps_shares_the_rest() -> None:
    context = Context(
        steps=np.array([1, 2], np.int64),
        start_ms=1,
        end_ms=2,
        step_ms=1,
        is_range=True,
        symbols=Symbols(),
        features=Features(),
        options=EngineOptions(),
        budget=Budget(TEN, 1000),
        annotations=Annotations(b""),
    )
    other = context.at_steps(np.array([7], np.int64))
    assert other.steps.tolist() == [7]
    assert (other.start_ms, other.end_ms) == (1, 2)
    other.charge(3)
    assert context.budget.held == 3
    other.check()
