"""The ways to make one series of several replicas, by name, and how far around them they look.

This module loads no compiled code, so that settings and parameters can name an algorithm.
The rules are explained in docs/dedup.md.

The distances of `auto` follow from the scrape interval that is measured right there. Their unit is
that interval, or UNIT_MS where it is SHORT_MS at the most, because looking around for minutes costs
nothing then, or is not known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

UNIT_MS = 60_000
SHORT_MS = 90_000
# Samples further apart do not show a scrape interval: the longest that is foreseen is an hour, of
# which one scrape may be missed. Longer ones than this count as this.
LONGEST_MS = 9_000_000
# A sample of another replica that is more units away is not compared to: it leaves a hole.
NEAR_UNITS = 4
# How many units around a sample its scrape interval is estimated, and between which samples a
# replica still sees a fall: further apart, it may be one that others saw.
REACH_UNITS = 6
# A replica without a sample for this long is not alive: the lookback of PromQL. With intervals that
# do not fit, it is half an interval over one.
SILENT_MS = 300_000
# The longest intervals that reads are made for, one after the other, until one is long enough.
LEVELS_MS = (SHORT_MS, 900_000, LONGEST_MS)


class Algorithm(Enum):
    """How replicas become one series. `auto` and `chain` only choose among samples; `penalty` may
    change values, and what it gives depends on where the read starts."""

    AUTO = "auto"
    PENALTY = "penalty"
    CHAIN = "chain"


@dataclass(frozen=True, slots=True)
class PairRule:
    """What the series of pairs are told apart by, and how they become one."""

    replica_labels: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.AUTO


NO_PAIRS = PairRule()
# That of a tenant by its name, at any time.
PairsSource = Callable[[str], PairRule]


def parse_algorithm(name: str) -> Algorithm:
    """Raises ValueError that names what is allowed."""
    for algorithm in Algorithm:
        if algorithm.value == name:
            return algorithm
    allowed = ", ".join(algorithm.value for algorithm in Algorithm)
    raise ValueError(f"{name!r} is no dedup algorithm; allowed are {allowed}")


def reach_ms(algorithm: Algorithm, replicas: int, longest_ms: int = SHORT_MS) -> int:
    """How much further than its range a read must go, on both sides, to give the same samples
    within the range as any longer read; replicas: members of the largest group; longest_ms: of the
    scrape intervals there, as storage.dedup.reach measures them.

    A replica's samples are judged by those near it, and by what the replicas before it gave there.
    `penalty` has no such bound, and gets none: it starts with the range, as in Thanos.
    """
    if algorithm is not Algorithm.AUTO or replicas < 2:
        return 0
    unit_ms = longest_ms if longest_ms > SHORT_MS else UNIT_MS
    return (REACH_UNITS + (replicas - 1) * NEAR_UNITS) * unit_ms
