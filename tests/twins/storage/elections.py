"""A plain twin of the elections of replicas."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

LATE = 12_000  # how much later a sample may have been read than its time says

Point = tuple[float, float]  # time and value


@dataclass
class Reign:
    """Who is elected, what is known of how often it sends, and where its samples begin and end."""

    holder: Hashable
    heard: int
    newest: Point
    apart: float = 0
    since: Point = (-math.inf, math.nan)
    former: Hashable = None
    until: Point = (-math.inf, math.nan)


@dataclass
class NaiveElections:
    """The elected replica of each series, by the clock of arrival."""

    failover: int
    reigns: dict[Hashable, Reign] = field(default_factory=dict)

    def is_copy(
        self,
        series: Hashable,
        replica: Hashable,
        point: Point,
        arrival: int,
        *,
        accepted: bool = True,
    ) -> bool:
        """Judge one sample."""
        bounded = self.bounded(point, arrival)
        reign = self.reigns.get(series)
        if reign is None:
            if accepted:
                self.reigns[series] = Reign(replica, arrival, bounded)
            return False
        if replica == reign.holder:
            return self.of_holder(reign, point, arrival, accepted)
        if replica == reign.former and self.of_former(reign, point, accepted):
            return False
        silence = arrival - reign.heard
        long = silence >= self.failover and silence > 1.5 * reign.apart
        if not (accepted and long and follows(reign.newest, point)):
            return True
        self.reigns[series] = Reign(
            replica, arrival, bounded, silence, point, reign.holder, reign.newest
        )
        return False

    def of_holder(self, reign: Reign, point: Point, arrival: int, accepted: bool) -> bool:
        if point[0] < reign.since[0]:
            if not (follows(reign.until, point) and follows(point, reign.since)):
                return True
            if accepted:
                reign.since = point
        if accepted:
            self.hear(reign, point, arrival)
        return False

    def of_former(self, reign: Reign, point: Point, accepted: bool) -> bool:
        """Whether it is kept."""
        if point[0] <= reign.until[0]:
            return True
        if not follows(point, reign.since):
            return False
        if accepted:
            reign.until = point
        return True

    def hear(self, reign: Reign, point: Point, arrival: int) -> None:
        apart = arrival - reign.heard
        if apart > 0:
            reign.apart = min(apart, 2 * reign.apart or math.inf)
        reign.heard = arrival
        if point[0] > reign.newest[0]:
            level = reign.newest[1] if math.isnan(point[1]) else point[1]
            reign.newest = self.bounded((point[0], level), arrival)

    def bounded(self, point: Point, arrival: int) -> Point:
        """Of the far future, only that it was not before."""
        limit = arrival + self.failover
        return point if point[0] <= limit else (limit, math.nan)


def follows(before: Point, after: Point) -> bool:
    """Whether a sample may come after another replica's: later, and no fall that is but a slow
    scrape."""
    is_fall = after[1] < before[1] and after[0] - before[0] <= LATE
    return after[0] > before[0] and not is_fall
