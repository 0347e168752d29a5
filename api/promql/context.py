"""What every operator of a query can ask: its steps, its limits, and where its annotations go.

Contexts of one query share a budget and the annotations; the context of a subquery or of a
step-invariant part has other steps. All of it belongs to the one thread that evaluates the query.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from api.promql.annotations import Annotations, Merging, Place
from api.promql.bounds import Bound
from api.promql.errors import QueryCanceled, QueryTimeout, TooManySamples
from api.promql.features import Features
from api.promql.meter import Meter
from api.promql.options import EngineOptions
from storage.kernels.arrays import Int64s
from storage.labels.frames import Symbols


class Budget:
    """The time and the samples that one query may use."""

    def __init__(
        self,
        samples: Bound,
        timeout_ms: int,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        time_bound: Bound | None = None,
    ) -> None:
        """The time runs from now on. time_bound: what it comes from."""
        self._samples = samples
        self.deadline_s = time.monotonic() + timeout_ms / 1000
        self._cancelled = cancelled
        self._time_bound = time_bound or Bound(timeout_ms, "query.timeout", "ms")
        self.held = 0
        self.peak = 0

    def check(self) -> None:
        """Raise QueryCanceled or QueryTimeout if the query has to stop."""
        if self._cancelled():
            raise QueryCanceled("query was canceled in expression evaluation")
        if time.monotonic() > self.deadline_s:
            raise QueryTimeout(f"query timed out in expression evaluation ({self._time_bound})")

    def charge(self, samples: int) -> None:
        """Count samples as held; raise TooManySamples above the limit."""
        self.held += samples
        self.peak = max(self.peak, self.held)
        if self._samples.is_below(self.held):
            raise TooManySamples(
                "query processing would load too many samples into memory in query execution "
                f"({self.held}; {self._samples})"
            )

    def release_to(self, held: int) -> None:
        """Forget what was charged since `held` was read."""
        self.held = held


@dataclass(frozen=True, slots=True)
class Context:
    """One evaluation of a query.

    steps: the evaluation times in ms, int64, ascending; start_ms, end_ms, step_ms and is_range are
    those of the whole query, in subqueries too (step_ms is 0 for an instant query). until_ms: where
    this evaluation ends, if that may be after its last step.
    """

    steps: Int64s
    start_ms: int
    end_ms: int
    step_ms: int
    is_range: bool
    symbols: Symbols
    features: Features
    options: EngineOptions
    budget: Budget
    annotations: Annotations
    meter: Meter = field(default_factory=Meter)
    until_ms: int | None = None

    @property
    def is_instant(self) -> bool:
        """Whether the evaluation begins and ends at one time, where rows can have an order.

        A range with one step that ends later is none.
        """
        only = len(self.steps) == 1
        return only and (self.until_ms is None or self.until_ms == int(self.steps[0]))

    def at_steps(self, steps: Int64s, until_ms: int | None = None) -> Context:
        """The same query at other evaluation times."""
        return replace(self, steps=steps, until_ms=until_ms)

    def warn(self, text: str, place: Place) -> None:
        """Note a warning; text is without "PromQL warning: " and without position."""
        self.annotations.warn(text, place)

    def info(self, text: str, place: Place, details: Merging | None = None) -> None:
        """Note an info; text is without "PromQL info: " and without position."""
        self.annotations.info(text, place, details)

    def check(self) -> None:
        """Raise if the query is out of time or cancelled; to be called between blocks of work."""
        self.budget.check()

    def charge(self, samples: int) -> None:
        """Count samples about to be held; raises TooManySamples.

        The evaluator charges every operator's arguments and result itself; call this before making
        something larger than both.
        """
        self.budget.charge(samples)
