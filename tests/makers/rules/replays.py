"""Replays of rules over series in promtool's notation, a sample a minute from 0 on."""

from collections.abc import Mapping, Sequence
from contextlib import closing

import numpy as np
import yaml

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.promql.queryable import MAX_MS
from rules.files.loader import load
from rules.groups import Group
from rules.memory import MemoryStore
from rules.replay.alerting import Surroundings
from rules.replay.limits import Limits
from rules.replay.outcome import Outcome, Recorded
from rules.replay.run import NO_ONE, Wanted, Watching, replay
from rules.replay.slots import Period
from rules.unit_tests.notation import parse_labels, parse_values

MINUTE = 60_000
# By series as PromQL writes it: minute -> value.
Shown = dict[str, dict[float, float | str]]


def engine() -> Engine:
    return Engine(EngineOptions(threads=1))


def stored(series: Mapping[str, str]) -> MemoryStore:
    """series: values by series."""
    store = MemoryStore()
    store.until_ms = MAX_MS
    for name, values in series.items():
        samples = [(k * MINUTE, v) for k, v in enumerate(parse_values(values)) if v is not None]
        store.put(parse_labels(name), samples)
    return store


def groups_of(document: object) -> tuple[Group, ...]:
    """Of a file of rules, or of YAML."""
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    loaded = load(text.encode(), "rules.yml")
    assert loaded.errors == ()
    return loaded.groups


def group_of(*rules: Mapping[str, object], **more: object) -> tuple[Group, ...]:
    """One group, g, that is evaluated at each minute."""
    return groups_of({"groups": [{"name": "g", "rules": list(rules), **more}]})


def replayed(
    groups: Sequence[Group],
    series: Mapping[str, str],
    *,
    minutes: int = 10,
    first: int = 0,
    limits: Limits | None = None,
    watching: Watching = NO_ONE,
) -> Outcome:
    """From minute `first` to minute `minutes`, at whole minutes."""
    phases = {group.name: 0 for group in groups}
    period = Period(first * MINUTE, minutes * MINUTE, phases=phases)
    store = stored(series)
    wanted = Wanted(groups, period, Surroundings({"region": "eu"}), limits or Limits())
    with closing(engine()) as own:
        return replay(own, lambda: store, wanted, watching)


def shown(recorded: Recorded) -> Shown:
    """What was recorded; a stale marker is "stale"."""
    samples, found = recorded.samples, {}
    for row in range(recorded.labels.rows):
        labels = recorded.labels.labelset(row)
        name = labels.pop("__name__", "")
        key = name + "{" + ",".join(f"{k}={v}" for k, v in labels.items()) + "}"
        found[key] = {
            samples.timestamps[k] / MINUTE: value_of(samples.values[k : k + 1].view("u8")[0])
            for k in range(samples.offsets[row], samples.offsets[row + 1])
        }
    return found


def value_of(bits: int) -> float | str:
    stale = 0x7FF0000000000002
    return "stale" if bits == stale else float(np.uint64(bits).view(np.float64))


def changes(outcome: Outcome) -> dict[str, list[tuple[float, str, object]]]:
    """(minute, what it became, value) of each alert, by its labels but for its name."""
    return {
        ",".join(f"{k}={v}" for k, v in sorted(alert.labels.items()) if k != "alertname"): [
            (change.time_ms / MINUTE, change.became.value, change.value) for change in alert.changes
        ]
        for alert in outcome.alerts()
    }
