"""What a replay may use, and what it has used so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from api.promql.bounds import Bound
from rules.errors import RulesError
from storage.options import MINUTE_MS, setting

NO_BOUND = Bound(0, "")


class ReplayRefused(RulesError):
    """A replay asks for more than is allowed; str() says what, and how much."""


class ReplayStopped(RulesError):
    """No one waits for a replay any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings under `rules.replay.`: the bounds of one replay."""

    rules: int = setting(
        "max-rules",
        "integer",
        2_000,
        "Rules that are replayed at once.",
        allowed=(1, 1_000_000),
    )
    evaluations: int = setting(
        "max-evaluations",
        "integer",
        5_000_000,
        "Evaluations of all rules of a replay together.",
        allowed=(1, 1 << 40),
    )
    queries: int = setting(
        "max-queries",
        "integer",
        50_000,
        "Queries that a replay may ask: a few for each rule, but one for each evaluation of rules "
        "that read what they record themselves.",
        allowed=(1, 1 << 40),
    )
    samples: int = setting(
        "max-samples",
        "integer",
        50_000_000,
        "Samples that the rules of a replay may give together; they are held in memory.",
        allowed=(1, 1 << 40),
    )
    changes: int = setting(
        "max-changes",
        "integer",
        100_000,
        "How often the alerts of one rule may change in a replay, all together.",
        allowed=(1, 1 << 30),
    )
    timeout_ms: int = setting("timeout", "duration", 10 * MINUTE_MS, "How long a replay may take.")


@dataclass(slots=True)
class Spending:
    """Counts against the limits. cancelled: whether to stop; report: is given how many of the
    evaluations of all rules are done; time_bound: of the whole, beside the limits."""

    limits: Limits
    cancelled: Callable[[], bool] = lambda: False
    report: Callable[[int], None] = lambda done: None
    time_bound: Bound = NO_BOUND
    queries: int = 0
    samples: int = 0
    done: int = 0
    started_s: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raises ReplayStopped, ReplayRefused."""
        if self.cancelled():
            raise ReplayStopped("the replay was stopped, as no one waits for it any more")
        if self.seconds * 1000 > self.time.allowed:
            raise ReplayRefused(f"the replay takes too long ({self.time})")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started_s

    @property
    def left_ms(self) -> int:
        """How much time is left."""
        return max(1, self.time.allowed - int(self.seconds * 1000))

    @property
    def time(self) -> Bound:
        """How long it may take, in ms."""
        own = Bound(max(1, self.limits.timeout_ms), "rules.replay.timeout", "ms")
        return own.or_lower(self.time_bound)

    def ask(self) -> None:
        """Count a query. Raises ReplayStopped, ReplayRefused."""
        self.check()
        self.queries += 1
        if self.queries > self.limits.queries:
            allowed = self.limits.queries
            raise refused("max-queries", f"more than {allowed} queries", allowed)

    def take(self, samples: int) -> None:
        """Count samples that a rule gave. Raises ReplayRefused."""
        self.samples += samples
        if self.samples > self.limits.samples:
            raise refused("max-samples", f"{self.samples} samples or more", self.limits.samples)

    def finish(self, evaluations: int) -> None:
        """Note that evaluations are done."""
        self.done += evaluations
        self.report(self.done)


def refused(name: str, got: str, allowed: float) -> ReplayRefused:
    """The error for more than a limit allows."""
    return ReplayRefused(
        f"the replay takes {got}, at most {allowed:g} are allowed (rules.replay.{name})"
    )
