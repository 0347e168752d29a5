"""What one query may use, and the settings that say so, for errors to name them."""

from __future__ import annotations

from dataclasses import dataclass

from api.promql.options import STEPS_MAX, EngineOptions


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that is allowed, 0 for no limit, and what the setting that says so is called.

    place: where the setting is to be found, if it is none of the program.
    """

    allowed: int
    setting: str
    unit: str = ""
    place: str = ""

    def is_below(self, got: int) -> bool:
        """Whether so many are too many."""
        return 0 < self.allowed < got

    def or_lower(self, other: Bound) -> Bound:
        """The lower of two bounds; this one if they are equal."""
        if not other.allowed:
            return self
        return other if not self.allowed or other.allowed < self.allowed else self

    def __str__(self) -> str:
        unit, place = self.unit and f" {self.unit}", self.place and f" in {self.place}"
        return f"limit: {self.setting}={self.allowed}{unit}{place}"


@dataclass(frozen=True, slots=True)
class QueryBounds:
    """What a query is held to beside the settings of the engine.

    samples: held at once; series: of all its selectors together; time: what its timeout comes from.
    """

    samples: Bound = Bound(0, "query.max-samples")
    series: Bound = Bound(0, "query.max-series")
    time: Bound = Bound(0, "query.timeout", "ms")

    def within(self, options: EngineOptions) -> QueryBounds:
        """What counts under the settings of an engine."""
        return QueryBounds(
            Bound(options.max_samples, "query.max-samples").or_lower(self.samples),
            Bound(options.max_series, "query.max-series").or_lower(self.series),
            Bound(options.timeout_ms, "query.timeout", "ms").or_lower(self.time),
        )


NO_BOUNDS = QueryBounds()
DEFAULT_STEPS = Bound(STEPS_MAX, "query.max-steps")
