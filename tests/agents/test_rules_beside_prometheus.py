"""The same rules by Debian's Prometheus, as time passes, and by a replay over what it scraped.

Prometheus scrapes targets, evaluates rules of the kinds that mixins have, and sends samples and
what rules recorded to Cupola. Afterwards the rules are replayed over the samples, at Prometheus'
own times: series, values, stale markers and the states of alerts have to be the same. Nothing of it
depends on who was quick: rules read what was scraped long before.

What may differ is that Debian's Prometheus is of version 2.42: it has no labels of groups, which it
is given with each rule; a group whose times are those of scrapes is not compared, as windows are
closed to the left there; and a Prometheus that has just started writes no ALERTS for a while.
"""

from __future__ import annotations

import math
import shutil
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from api.promql.engine import Engine
from compose.processes import Server, free_ports
from compose.scene import NODE_PROGRAM, cupola_server, node_exporter_server
from receiver.replaying.local import replayed
from receiver.settings.config import Config, build
from rules.files.loader import load
from rules.groups import Group
from rules.replay.order import writes_of
from rules.replay.outcome import Became, Outcome, Recorded
from rules.replay.run import NO_ONE, Wanted
from rules.replay.slots import Period
from storage.kernels.stale import STALE_NAN_BITS
from storage.labels.matchers import Matcher
from storage.read_only import ReadOnlyDatabase
from storage.tenants.tenant import DEFAULT_TENANT
from tests.agents.beside.test_scrapes import result, server
from tests.agents.busy_target import BusyTarget
from tests.makers.batches import DECODER

PROMETHEUS = "prometheus"
FILE = Path(__file__).parent / "mixins.yml"

INTERVAL_MS = 3_000
# Evaluations of each group that are waited for, and the first ones that are not compared.
EVALUATIONS, UNSETTLED = 30, 7
PATIENCE_S = 600.0
# Groups whose windows over what is scraped a group reads the result of.
WINDOWS = {
    "pods": ("pods",),
    "requests": ("requests",),
    "watch": ("watch",),
    "limited": (),
    "totals": ("pods", "requests", "watch"),
    "nodes": ("nodes",),
}
Key = tuple[tuple[str, str], ...]
Series = dict[Key, dict[int, float]]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """times: in ms, of the evaluations of each group by Prometheus; scrapes: of all samples of
    `up`; stored: all that was sent; outcome: of the replay."""

    times: dict[str, list[int]]
    scrapes: set[int]
    stored: Series
    outcome: Outcome


def groups_of(file: str = "mixins.yml") -> tuple[Group, ...]:
    """file: the name that they are of."""
    loaded = load(FILE.read_bytes(), file)
    assert loaded.errors == ()
    return loaded.groups


def for_prometheus(directory: Path) -> Path:
    """The rules, with labels of groups at each rule that does not have its own."""
    document = yaml.safe_load(FILE.read_text())
    for group in document["groups"]:
        shared = group.pop("labels", {})
        for rule in group["rules"]:
            rule["labels"] = shared | rule.get("labels", {})
    path = directory / "mixins.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def prometheus(directory: Path, cupola: Server, jobs: list[Any], port: int) -> Server:
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "3s"},
        "rule_files": [str(for_prometheus(directory))],
        "scrape_configs": jobs,
        "remote_write": [
            {
                "url": f"{cupola.url}/api/v1/write",
                # One shard, so that what was evaluated last comes last.
                "queue_config": {"max_shards": 1, "batch_send_deadline": "200ms"},
            }
        ],
    }
    return server(directory, "rules", config, port, f"--storage.tsdb.path={directory / 'tsdb'}")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    if shutil.which(PROMETHEUS) is None:
        pytest.skip("Debian's package prometheus is not installed")
    directory = tmp_path_factory.mktemp("rules")
    ports = free_ports(0, 0, 0, 0, 0)
    cupola = cupola_server(directory, port=ports[0])
    with ExitStack() as stack:
        busy = [f"127.0.0.1:{port}" for port in ports[2:4]]
        jobs = [{"job_name": "busy", "static_configs": [{"targets": busy}]}]
        for shift, port in enumerate(ports[2:4]):
            stack.enter_context(BusyTarget(port, 5 * shift))
        if shutil.which(NODE_PROGRAM):
            stack.enter_context(node_exporter_server(directory, port=ports[4]).start())
            addresses = [f"127.0.0.1:{ports[4]}"]
            jobs.append({"job_name": "node", "static_configs": [{"targets": addresses}]})
        stack.enter_context(cupola.start()).wait_ready()
        with prometheus(directory, cupola, jobs, ports[1]).start() as own:
            own.wait_ready()
            wait_for_evaluations(cupola)
    return evaluate(build({"storage.path": str(directory / "data"), "storage.retention": "0"}))


def wait_for_evaluations(cupola: Server) -> None:
    """Until all groups have been evaluated, and what they gave has arrived."""
    deadline = time.monotonic() + PATIENCE_S
    for group in groups_of():
        while True:
            found = result(cupola.url, f"sum(count_over_time({group.name}:slot[1h]))")
            if found and int(found[0]["value"][1]) > EVALUATIONS:
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.5)


def evaluate(config: Config) -> Evaluated:
    stored = read(config)
    groups = groups_of()
    times = {
        group.name: sorted(
            time_ms
            for key, samples in stored.items()
            if dict(key)["__name__"] == f"{group.name}:slot"
            for time_ms in samples
        )
        for group in groups
    }
    ups = [samples for key, samples in stored.items() if dict(key)["__name__"] == "up"]
    first_ms = min(own[0] for own in times.values())
    last_ms = min(own[EVALUATIONS - 1] for own in times.values())
    phases = {name: own[0] for name, own in times.items()}
    wanted = Wanted(groups, Period(first_ms, last_ms, phases=phases))
    with closing(Engine(config.query)) as engine:
        outcome = replayed(engine, config, [DEFAULT_TENANT], wanted, NO_ONE)
    return Evaluated(times, {at for samples in ups for at in samples}, stored, outcome)


def read(config: Config) -> Series:
    """All that is stored, stale markers as well."""
    database = ReadOnlyDatabase(config.storage, DECODER.decode)
    with closing(database):
        querier = database.querier(DEFAULT_TENANT, replica_labels=(), dedup=False)
        selection = querier.select([Matcher("__name__", "!=", "")], -(1 << 60), 1 << 60)
        return series_of(Recorded(selection.labels, selection.read(0, selection.labels.rows)))


def series_of(recorded: Recorded) -> Series:
    labels, samples = recorded.labels, recorded.samples
    ends = samples.offsets.tolist()
    points = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
    return {
        tuple(sorted(labels.labelset(row).items())): dict(points[ends[row] : ends[row + 1]])
        for row in range(labels.rows)
    }


RULES = [(group.name, number) for group in groups_of() for number in range(len(group.rules))]


def named(place: tuple[str, int]) -> str:
    group = next(group for group in groups_of() if group.name == place[0])
    return f"{group.name}-{place[1]}-{group.rules[place[1]].name}"


@pytest.mark.parametrize("place", RULES, ids=named)
def test_a_replay_gives_what_prometheus_recorded(
    evaluated: Evaluated, place: tuple[str, int]
) -> None:
    check_times(evaluated, place[0])
    times = set(evaluated.times[place[0]][UNSETTLED : settled(evaluated)])
    theirs, ours = both(evaluated.stored, evaluated.outcome, place)
    assert shown(ours, times) == approximately(shown(theirs, times))


def both(stored: Series, outcome: Outcome, place: tuple[str, int]) -> tuple[Series, Series]:
    """What a rule gave: as it is stored, and by a replay."""
    found = next(own for own in outcome.groups if own.group.name == place[0])
    written = writes_of(found.group, place[1])
    theirs = {
        key: samples
        for key, samples in stored.items()
        if dict(key)["__name__"] in written.names
        and all(dict(key).get(name, "") == text for name, text in written.labels.items())
    }
    return theirs, series_of(found.rules[place[1]].recorded)


def settled(evaluated: Evaluated) -> int:
    """How many evaluations of each group there are up to the first that one of them missed."""
    gaps = [np.flatnonzero(np.diff(own) != INTERVAL_MS) for own in evaluated.times.values()]
    return min([EVALUATIONS - 1, *(int(found[0]) + 1 for found in gaps if len(found))])


def check_times(evaluated: Evaluated, name: str) -> None:
    """Skip what cannot be compared."""
    if settled(evaluated) < UNSETTLED + 5:
        pytest.skip("Prometheus was too busy to evaluate rules each time")
    scrapes = {at % 1000 for at in evaluated.scrapes}
    if any(evaluated.times[own][0] % 1000 in scrapes for own in WINDOWS[name]):
        pytest.skip("the group is evaluated just as long after scrapes as ranges are long")


def shown(series: Series, times: set[int]) -> dict[tuple[Key, int], float | str]:
    """Each sample at these times; stale markers and NaN as texts."""
    return {
        (key, at): text_of(value)
        for key, samples in series.items()
        for at, value in samples.items()
        if at in times
    }


def text_of(value: float) -> float | str:
    if np.float64(value).view(np.uint64) == STALE_NAN_BITS:
        return "stale"
    return "NaN" if math.isnan(value) else value


def approximately(samples: dict[tuple[Key, int], float | str]) -> Any:
    """The last digits follow the order of operations, which has changed."""
    return {
        place: value if isinstance(value, str) else pytest.approx(value, rel=1e-9)
        for place, value in samples.items()
    }


def test_alerts_came_and_went(evaluated: Evaluated) -> None:
    check_variety(evaluated.outcome)


def check_variety(outcome: Outcome) -> None:
    """What was compared was worth it: all kinds of changes, and evaluations that failed."""
    became = {change.became for alert in outcome.alerts() for change in alert.changes}
    assert became >= {Became.PENDING, Became.FIRING, Became.RESOLVED, Became.INACTIVE}
    failed = {rule.rule.name for rule in outcome.each() if rule.failed}
    assert failed >= {"limited:depth", "Limited", "limited:matched"}
    fired = {alert.labels["alertname"] for alert in outcome.alerts() if alert.times(Became.FIRING)}
    assert fired >= {"ErrorBudgetBurn", "TargetGone", "Flapping", "QueueFull", "NeverThere"}
