"""The ways to make one series of several replicas, by name, and how far around them they look.

This module loads no compiled code, so that settings and parameters can name an algorithm.
The rules are explained in docs/dedup.md.
"""

from enum import Enum

# All distances below are between samples; the rules of `auto` look no further.
# A sample of another replica that is further away leaves a hole, whatever the scrape interval.
NEAR_MS = 240_000
# How far around a sample its scrape interval is estimated.
INTERVAL_REACH_MS = 360_000
# Between samples that are further apart a replica sees no fall: it may be one that others saw.
FALL_STEP_MS = 360_000
# A replica without a sample for this long is not alive: the lookback of PromQL.
SILENT_MS = 300_000


class Algorithm(Enum):
    """How replicas become one series. `auto` and `chain` only choose among samples; `penalty` may
    change values, and what it gives depends on where the read starts."""

    AUTO = "auto"
    PENALTY = "penalty"
    CHAIN = "chain"


def parse_algorithm(name: str) -> Algorithm:
    """Raises ValueError that names what is allowed."""
    for algorithm in Algorithm:
        if algorithm.value == name:
            return algorithm
    allowed = ", ".join(algorithm.value for algorithm in Algorithm)
    raise ValueError(f"{name!r} is no dedup algorithm; allowed are {allowed}")


def reach_ms(algorithm: Algorithm, replicas: int) -> int:
    """How much further than its range a read must go, on both sides, to give the same samples
    within the range as any longer read; replicas: members of the largest group.

    A replica's samples are judged by those near it, and by what the replicas before it gave there.
    `penalty` has no such bound, and gets none: it starts with the range, as in Thanos.
    """
    if algorithm is not Algorithm.AUTO or replicas < 2:
        return 0
    return max(INTERVAL_REACH_MS, FALL_STEP_MS) + (replicas - 1) * NEAR_MS
