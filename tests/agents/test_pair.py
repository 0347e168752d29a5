"""An HA pair of agent-mode Prometheis is one view, and stays one when one of them dies."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from compose.scene import REPLICA_LABEL, Client, QueryFailed
from tests.agents.conftest import CLUSTER, INTERVAL_S, Pair
from tests.makers.bodies.v1 import Labels
from tests.makers.stored_samples import stored

PATIENCE_S = 45
DEATH_OBSERVED_S = 12


@pytest.fixture(scope="module")
def pair(start_pair: Callable[[], Pair]) -> Pair:
    """A scene whose targets were all scraped by both agents."""
    started = start_pair()
    expected = 2 * len(started.addresses)

    def all_scraped() -> bool:
        return len(started.client.query("up == 1", dedup=False)) == expected

    wait_until(all_scraped, started)
    return started


def wait_until(condition: Callable[[], bool], pair: Pair) -> None:
    """Wait until condition() holds; a query that fails meanwhile is asked again."""
    deadline = time.monotonic() + PATIENCE_S
    failure: QueryFailed | None = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except QueryFailed as error:
            failure = error
        time.sleep(0.5)
    logs = pair.cupola.log_tail() + pair.agents["a"].log_tail()
    pytest.fail(f"{condition.__name__} not within {PATIENCE_S} s; {failure or ''}\n{logs}")


def test_every_scraped_series_arrives(pair: Pair) -> None:
    missing: set[Labels] = set()

    def all_arrived() -> bool:
        missing.clear()
        for job, addresses in pair.targets.items():
            for address in addresses:
                target = {"job": job, "instance": address, "cluster": CLUSTER}
                exposed = exposed_labelsets(f"http://{address}/metrics", target)
                missing.update(exposed - arrived_labelsets(pair.client, address))
        return not missing

    try:
        wait_until(all_arrived, pair)
    finally:
        assert not missing, f"{len(missing)} series did not arrive, such as {min(missing)}"
    assert pair.gateway.refused == []


def exposed_labelsets(url: str, target_labels: dict[str, str]) -> set[Labels]:
    """The series a target exposes, with the labels that a scrape and the agent add."""
    with urllib.request.urlopen(url, timeout=10) as response:
        text = response.read().decode()
    found = set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {
                ("exported_" if k in target_labels else "") + k: v for k, v in sample.labels.items()
            }
            named = {"__name__": sample.name} | labels | target_labels
            found.add(tuple(sorted((k, v) for k, v in named.items() if v)))
    return found


def arrived_labelsets(client: Client, address: str) -> set[Labels]:
    """The series of one target, replicas merged."""
    rows = client.get("series", **{"match[]": f'{{instance="{address}"}}'})
    return {tuple(sorted(row.items())) for row in rows}


def test_up_is_one_series_per_target(pair: Pair) -> None:
    rows = [row["metric"] for row in pair.client.query("up")]
    assert sorted(row["instance"] for row in rows) == pair.addresses
    assert not [row for row in rows if REPLICA_LABEL in row]


def test_without_dedup_both_replicas_are_seen(pair: Pair) -> None:
    rows = [row["metric"] for row in pair.client.query("up", dedup=False)]
    got = sorted((row["instance"], row[REPLICA_LABEL]) for row in rows)
    assert got == [(address, replica) for address in pair.addresses for replica in "ab"]


def test_another_tenant_sees_nothing(pair: Pair) -> None:
    other = Client(pair.cupola.url, "other")
    assert other.query('{__name__=~".+"}') == []
    assert other.get("labels") == []
    assert other.get("series", **{"match[]": "up"}) == []


def test_death_of_one_agent_leaves_no_hole(pair: Pair) -> None:
    """The last of this file, because it kills one agent of the shared scene."""
    time.sleep(3 * INTERVAL_S)
    killed_ms = time.time_ns() // 1_000_000
    pair.agents["a"].kill()
    time.sleep(DEATH_OBSERVED_S)

    survivors = [a for a in pair.addresses if a != pair.agents["a"].url.removeprefix("http://")]
    view = stored(pair.client, "up", window="5m", dedup=True)
    both = stored(pair.client, "up", window="5m")
    assert sorted(dict(labels)["instance"] for labels in view) == pair.addresses
    for address in survivors:
        times = times_of(view, address)
        assert times == sorted(set(times)), f"{address}: not strictly increasing"
        assert times[0] < killed_ms, f"{address}: nothing from before the death"
        assert times[-1] > killed_ms + 1000 * (DEATH_OBSERVED_S - 5), f"{address}: view ends early"
        # Where scrapes themselves came late, no view can be finer than what both have together.
        scraped = sorted(set(times_of(both, address)))
        allowed_ms = max(2 * 1000 * INTERVAL_S, largest_gap(scraped) + 1000 * INTERVAL_S)
        assert largest_gap(times) <= allowed_ms, f"{address}: hole of {largest_gap(times)} ms"


def times_of(samples: dict[Labels, list[tuple[int, int]]], address: str) -> list[int]:
    """Timestamps of all series of a target, series by series, in the order of the answer."""
    return [
        timestamp_ms
        for labels, points in samples.items()
        if dict(labels)["instance"] == address
        for timestamp_ms, _ in points
    ]


def largest_gap(times: Iterable[int]) -> int:
    ordered = list(times)
    return max(b - a for a, b in zip(ordered, ordered[1:], strict=False))
