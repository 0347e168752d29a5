"""A pair whose replicas fail in turn: counters stay true, and the report names who failed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from compose.scene import REPLICA_LABEL
from tests.agents.conftest import CLUSTER, INTERVAL_S, Pair
from tests.makers.bodies.v1 import Labels

PATIENCE_S = 60
RUNNING_S = 7
FROZEN_S = 3 * INTERVAL_S + 0.5
STOPPED_S = 4
# Remote write may be this much late.
DELIVERY_S = 6


@pytest.fixture(scope="module")
def pair(start_pair: Callable[[], Pair]) -> Pair:
    """A pair of which b was frozen for three scrapes, and a was stopped and started again."""
    started = start_pair()
    expected = 2 * len(started.addresses)
    wait_for(lambda: len(started.client.query("up == 1", dedup=False)) == expected)
    time.sleep(RUNNING_S)
    os.kill(started.agents["b"].pid, signal.SIGSTOP)
    time.sleep(FROZEN_S)
    os.kill(started.agents["b"].pid, signal.SIGCONT)
    time.sleep(RUNNING_S)
    started.agents["a"].stop()
    time.sleep(STOPPED_S)
    started.agents["a"].start().wait_ready()
    time.sleep(RUNNING_S + DELIVERY_S)
    return started


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.5)


def resets(pair: Pair, matcher: str, time_s: float, dedup: str) -> dict[Labels, float]:
    """The resets of each counter up to a time, by its labels without the replica."""
    found = {}
    for name in pair.client.get("label/__name__/values"):
        if not name.endswith("_total"):
            continue
        query = f"resets({name}{{{matcher}}}[5m])"
        rows = pair.client.get("query", query=query, time=str(time_s), dedup=dedup)["result"]
        for row in rows:
            labels = {k: v for k, v in row["metric"].items() if k != REPLICA_LABEL}
            found[tuple(sorted(({"__name__": name} | labels).items()))] = float(row["value"][1])
    return found


def report(pair: Pair, selector: str) -> dict[str, dict[str, Any]]:
    """What is told of each replica of the one group there is."""
    (group,) = pair.client.get("status/replicas", **{"match[]": selector})["groups"]
    assert group["labels"]["cluster"] == CLUSTER
    return {replica["labels"][REPLICA_LABEL]: replica for replica in group["replicas"]}


def test_resets_over_the_pair_are_the_true_ones(pair: Pair) -> None:
    """The truth is what single replicas saw. They differ only where a counter was back at its old
    value before one of them looked again, as small ones of a restarted target may be."""
    time_s = time.time() - DELIVERY_S
    seen = [resets(pair, f'{REPLICA_LABEL}="{name}"', time_s, "false") for name in "ab"]
    truth = {
        labels: sorted({seen[0].get(labels, count), count}) for labels, count in seen[1].items()
    }
    view = resets(pair, "", time_s, "true")
    wrong = [
        f"{dict(labels)}: {view.get(labels)}, truly {counts}"
        for labels, counts in truth.items()
        if view.get(labels) not in counts
    ]
    assert not wrong, f"{len(wrong)} of {len(truth)} counters: {wrong}"
    assert len(truth) > 50
    restarted = {dict(labels)["instance"] for labels, count in view.items() if count}
    stopped = pair.agents["a"].url.removeprefix("http://")
    assert restarted == {stopped}
    agreed = [k for k, counts in truth.items() if counts == [1.0] and ("instance", stopped) in k]
    assert len(agreed) > 10


def test_the_report_tells_what_each_of_them_missed(pair: Pair) -> None:
    replicas = report(pair, "up")
    assert [name for name, replica in replicas.items() if replica["silent"]] == []
    for replica in replicas.values():
        assert replica["scrapeInterval"] == pytest.approx(INTERVAL_S, abs=0.1)
        assert replica["missedScrapes"] > 0
    assert abs(replicas["b"]["offset"]) <= INTERVAL_S / 2 + 0.1
    assert sum(replica["share"] for replica in replicas.values()) == pytest.approx(1)


def test_samples_tell_where_they_come_from(pair: Pair) -> None:
    rows = pair.client.get("query", query="up[5m]", provenance="true")["result"]
    assert sorted(row["metric"]["instance"] for row in rows) == pair.addresses
    for row in rows:
        assert len(row["replicas"]) == len(row["values"])
        assert {replica[REPLICA_LABEL] for replica in row["replicas"]} == {"a", "b"}


def test_the_silent_one_is_named(pair: Pair) -> None:
    """The last of this file: a stays away."""
    pair.agents["a"].stop()
    wait_for(lambda: report(pair, "up")["a"]["silent"])
    replicas = report(pair, "up")
    assert not replicas["b"]["silent"]
    assert replicas["a"]["lastSample"] < replicas["b"]["lastSample"]
    rows = pair.client.get("query", query="up", provenance="true")["result"]
    survivors = [row for row in rows if row["value"][1] == "1"]
    assert {row["replica"][REPLICA_LABEL] for row in survivors} == {"b"}
