"""Runs what replays compile, on next to nothing."""

from __future__ import annotations

from collections.abc import Sequence

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.promql.queryable import MAX_MS
from rules.groups import Group, Rule
from rules.memory import MemoryStore
from rules.replay.run import Wanted, replay
from rules.replay.slots import Period
from storage.histograms.histograms import Parts

MINUTE_MS = 60_000
NATIVE = Parts(0, 3.0, 4.0, 0.0, 0.0, [(1, 1.0), (2, 2.0)], [], [])
RULES: Sequence[Rule] = (
    Rule("m > 1", record="high"),
    Rule("n", record="native"),
    Rule("sum(high) + count(native)", record="both"),
    Rule("high > 1", alert="High", for_ms=MINUTE_MS),
    Rule("count(ALERTS)", record="alerts"),
)


def warm_replay() -> None:
    """Replay rules over some samples, floats and histograms, that come and go."""
    store = MemoryStore()
    store.until_ms = MAX_MS
    for number in range(2):
        labels = {"i": str(number)}
        values = [(k * MINUTE_MS, float(k % 3)) for k in range(8)]
        store.put({"__name__": "m", **labels}, values)
        store.put({"__name__": "high", **labels}, values[:4])
        natives = [(k * MINUTE_MS, NATIVE) for k in (0, 1)]
        store.put({"__name__": "n", **labels}, natives)
    engine = Engine(EngineOptions(threads=1))
    try:
        groups = [Group("g", rules=tuple(RULES)), Group("h", rules=tuple(RULES[:1]))]
        replay(engine, lambda: store, Wanted(groups, Period(0, 8 * MINUTE_MS)))
    finally:
        engine.close()
