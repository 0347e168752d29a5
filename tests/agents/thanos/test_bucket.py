"""A bucket of Thanos read in place, beside `thanos store` and `thanos query` over the same bucket.

It has what a bucket has: blocks of two replicas, small ones that were made parts of larger ones and
are marked for deletion, and downsampled ones; for some time nothing but these.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.agents.thanos.buckets import (
    DAY_S,
    END_S,
    START_S,
    Bucket,
    compact,
    empty_bucket,
    fill,
    thanos_store,
)
from tests.agents.thanos.programs import thanos_program, thanos_query
from tests.agents.thanos.test_query import PATIENCE_S, assert_same, data_of, until_listed

# Where raw blocks are, and where they were past their retention.
RAW_S, COARSE_S = END_S - DAY_S // 2, START_S + DAY_S
QUERIES = [
    "temperature",
    "requests_total",
    'temperature{pod="p1"}',
    '{pod=~"p[12]", __name__="temperature"}',
    'requests_total{pod!="p0"}',
    "sum by (pod) (rate(requests_total[10m]))",
    "increase(requests_total[2h])",
    "max_over_time(temperature[3h])",
    "count_over_time(temperature[1h])",
    "avg(temperature)",
    'count({cluster="eu", pod!=""})',
    'temperature{cluster="us"}',
]


@dataclass
class Scene:
    """over_cupola: a querier over `served`, which serves the bucket as a store gateway does."""

    cupola: Server
    querier: Server
    over_cupola: Server
    served: Server
    bucket: Bucket


def drop_raw(bucket: Bucket) -> None:
    """What retention does: for the first two days only downsampled blocks are left."""
    middle_ms = (START_S + 2 * DAY_S) * 1000
    for meta in bucket.metas():
        about: Any = meta["thanos"]
        is_old = int(str(meta["maxTime"])) <= middle_ms
        if is_old and not about["downsample"]["resolution"]:
            shutil.rmtree(bucket.directory / str(meta["ulid"]))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    thanos_program()
    root = tmp_path_factory.mktemp("bucket")
    bucket = empty_bucket(root)
    fill(bucket, root)
    compact(bucket, root)
    drop_raw(bucket)
    store, address = thanos_store(root, bucket)
    querier = thanos_query(root, "querier", [address], "--query.replica-label=replica")
    served, address = bucket_server(root, bucket)
    over_cupola = thanos_query(
        root, "over-cupola", [address], "--query.replica-label=replica",
        "--grpc.proxy-strategy=lazy",
    )  # fmt: skip
    (port,) = free_ports(0)
    cupola = cupola_server(
        root, f"--stores.thanos-bucket={bucket.file}", "--dedup.replica-labels=replica", port=port
    )
    with ExitStack() as stack:
        servers = (store, served, cupola, querier, over_cupola)
        for server in servers:
            stack.enter_context(server.start())
        for server in servers:
            server.wait_ready()
        until_listed(querier)
        until_listed(over_cupola)
        until_known(cupola)
        until_known(served)
        yield Scene(cupola, querier, over_cupola, served, bucket)


def bucket_server(directory: Path, bucket: Bucket) -> tuple[Server, str]:
    """`cupola thanos-bucket serve`, not started, and the address of its StoreAPI."""
    port, grpc_port = free_ports(0, 0)
    address = f"127.0.0.1:{grpc_port}"
    command = [
        *(sys.executable, "-m", "receiver", "thanos-bucket", "serve"),
        f"--objstore.config-file={bucket.file}",
        f"--http-address=127.0.0.1:{port}",
        f"--grpc-address={address}",
        "--dedup.replica-labels=replica",
    ]
    url, log = f"http://127.0.0.1:{port}", directory / "bucket-server.log"
    return Server("bucket-server", command, url=url, ready="/-/ready", log=log), address


def until_known(cupola: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        listed = data_of(cupola.url, "stores").get("thanos-bucket", [])
        if listed and listed[0]["lastError"] is None:
            return
        assert time.monotonic() < deadline, listed
        time.sleep(0.1)


def test_what_a_compactor_leaves_is_there(scene: Scene) -> None:
    """Or the scene shows less than it says."""
    metas: list[Any] = scene.bucket.metas()
    marked = list(scene.bucket.directory.glob("*/deletion-mark.json"))
    assert {meta["thanos"]["downsample"]["resolution"] for meta in metas} == {0, 300_000}
    assert len(marked) > 10 and any(meta["compaction"]["level"] > 2 for meta in metas)


@pytest.mark.parametrize("dedup", [True, False])
@pytest.mark.parametrize("query", QUERIES)
def test_raw_blocks_are_answered_as_the_store_gateway_does(
    scene: Scene, query: str, dedup: bool
) -> None:
    times = {"start": RAW_S, "end": RAW_S + 4 * 3_600, "step": 97}
    own = data_of(
        scene.cupola.url, "query_range", query=query, dedup="penalty" if dedup else "false", **times
    )
    theirs = data_of(
        scene.querier.url, "query_range", query=query, dedup=str(dedup).lower(), **times
    )
    assert_same(own["result"], theirs["result"])
    found = data_of(
        scene.over_cupola.url, "query_range", query=query, dedup=str(dedup).lower(), **times
    )
    assert_same(found["result"], theirs["result"])


@pytest.mark.parametrize("dedup", ["true", "false"])
@pytest.mark.parametrize(
    "query",
    [
        "temperature",
        "min_over_time(temperature[1h])",
        "max_over_time(temperature[1h])",
        "sum_over_time(temperature[1h])",
        "count_over_time(temperature[1h])",
        "rate(requests_total[30m])",
        "increase(requests_total[1h])",
        "sum by (pod) (increase(requests_total[2h]))",
    ],
)
def test_windows_are_served_to_queriers_as_the_store_gateway_serves_them(
    scene: Scene, query: str, dedup: str
) -> None:
    """Over the seam to raw samples, too."""
    seam_s = START_S + 2 * DAY_S
    asked = {
        "query": query, "dedup": dedup, "max_source_resolution": "5m", "start": seam_s - 5 * 3_600,
        "end": seam_s + 2 * 3_600, "step": 613,
    }  # fmt: skip
    theirs = data_of(scene.querier.url, "query_range", **asked)["result"]
    assert theirs
    assert_same(data_of(scene.over_cupola.url, "query_range", **asked)["result"], theirs)


@pytest.mark.parametrize(
    "query",
    [
        "min_over_time(temperature[2h])",
        "max_over_time(temperature[2h])",
        "sum_over_time(temperature[2h])",
    ],
)
def test_windows_are_answered_as_the_store_gateway_does(scene: Scene, query: str) -> None:
    """Of one replica: Thanos makes windows of two one as if they were scrapes."""
    at = {"time": COARSE_S + 300, "dedup": "false"}
    own = data_of(scene.cupola.url, "query", query=query, **at)
    theirs = data_of(scene.querier.url, "query", query=query, max_source_resolution="5m", **at)
    assert len(own["result"]) == 6
    for result in (own["result"], theirs["result"]):
        for each in result:
            each["value"][1] = f"{float(each['value'][1]):.6g}"
    assert_same(own["result"], theirs["result"])


def test_counters_of_windows_rise_as_they_did(scene: Scene) -> None:
    """Over a day, resets among it, and over the seam to raw samples."""
    for end_s in (COARSE_S + 300, START_S + 2 * DAY_S + DAY_S // 2):
        at = {"time": end_s, "dedup": "false"}
        query = "sum by (pod) (increase(requests_total[1d]))"
        found = data_of(scene.cupola.url, "query", query=query, **at)["result"]
        # 1,440 scrapes of 4.5 on average, in two replicas.
        for each in found:
            assert float(each["value"][1]) == pytest.approx(2 * 1_440 * 4.5, rel=0.05)
        counted = data_of(
            scene.cupola.url, "query", query="count_over_time(requests_total[1d])", **at
        )["result"]
        assert all(abs(int(each["value"][1]) - 1_440) <= 2 for each in counted)


def test_lists_of_labels_and_series(scene: Scene) -> None:
    span = {"start": RAW_S, "end": RAW_S + 3_600}
    for path in ("labels", "label/pod/values", "label/__name__/values", "label/replica/values"):
        own = data_of(scene.cupola.url, path, dedup="false", **span)
        assert own == data_of(scene.querier.url, path, **span), path
        assert own == data_of(scene.over_cupola.url, path, **span), path


def test_what_serves_the_bucket_answers_by_itself(scene: Scene) -> None:
    at = {"query": "count_over_time(temperature[1h])", "time": RAW_S, "dedup": "false"}
    own = data_of(scene.served.url, "query", **at)["result"]
    assert_same(own, data_of(scene.cupola.url, "query", **at)["result"])
    ((store,),) = data_of(scene.over_cupola.url, "stores").values()
    assert len(store["labelSets"]) == 2 and store["minTime"] == START_S * 1000 + 1000
