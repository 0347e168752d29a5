"""Native histograms that Thanos downsampled: in a bucket in place, and from a store gateway, as a
`thanos query` over the same bucket has them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM
from tests.agents.thanos.buckets import END_S, START_S, Bucket, empty_bucket, thanos_store
from tests.agents.thanos.programs import thanos_program, thanos_query
from tests.agents.thanos.test_bucket import bucket_server, until_known
from tests.agents.thanos.test_query import PATIENCE_S, assert_same, data_of, until_listed
from tests.makers.blocks import WrittenChunk, WrittenSeries, write_block
from tests.receiver.stores.bucket.test_view import ULIDS
from tests.twins.storage.chunks import Layout, Point, histogram_chunk

STEP_S, CHUNK_SAMPLES = 60, 120
LAGS_S = {"a": 0, "b": 7}
LAYOUT = Layout(0, 0.001, ((3, 1),))
# Ranges of whole windows: what is at their edges depends on who reads them.
QUERIES = [
    "histogram_count(increase(h[1h]))",
    "histogram_sum(sum(rate(h[2h])))",
    "sum by (pod) (rate(h[1h]))",
    "histogram_quantile(0.7, sum(rate(h[1h])))",
    'histogram_fraction(1, 3, rate(h{pod="p1"}[90m]))',
]


@dataclass
class Scene:
    """querier: a thanos query over a store gateway; over_cupola: one over Cupola as that; others:
    Cupola, in place and over the store gateway."""

    querier: Server
    over_cupola: Server
    others: list[Server]


def points_of(pod: int, lag_s: int) -> list[Point]:
    """A counter that is reset now and then."""
    choose, buckets, total = random.Random(pod), [0.0] * 3, 0.0
    found = []
    for time_s in range(START_S + 1, END_S, STEP_S):
        if choose.random() < 0.001:
            buckets, total = [0.0] * 3, 0.0
        added = [choose.randrange(5) for _ in buckets]
        buckets = [a + b for a, b in zip(buckets, added, strict=True)]
        total += 0.7 * sum(added)
        found.append(Point((time_s + lag_s) * 1000, sum(buckets), 0.0, total, buckets))
    return found


def chunks_of(points: list[Point], *, floats: bool) -> Iterator[WrittenChunk]:
    """A chunk ends where it is full, and where the counter is reset."""
    begin = 0
    for k in range(1, len(points) + 1):
        is_cut = k == len(points) or points[k].count < points[k - 1].count
        if is_cut or k - begin == CHUNK_SAMPLES:
            own = points[begin:k]
            data = histogram_chunk(LAYOUT, own, floats=floats)
            kind = FLOAT_HISTOGRAM if floats else HISTOGRAM
            yield WrittenChunk(own[0].time, own[-1].time, kind, data)
            begin = k


def fill(bucket: Bucket) -> None:
    """A raw block of each replica, of integer and of float histograms."""
    for ulid, (replica, lag_s) in zip(ULIDS, LAGS_S.items(), strict=False):
        written = [
            WrittenSeries(
                {"__name__": "h", "pod": f"p{pod}"},
                list(chunks_of(points_of(pod, lag_s), floats=pod == 1)),
            )
            for pod in range(2)
        ]
        block = write_block(
            bucket.directory, written, ulid=ulid, labels={"cluster": "eu", "replica": replica},
            downsample={"resolution": 0}, source="compactor", version=1,
        )  # fmt: skip
        (block / "tombstones").unlink()
        meta = json.loads((block / "meta.json").read_text())
        meta |= {"minTime": START_S * 1000, "maxTime": END_S * 1000}
        meta["stats"] = {"numSamples": 1, "numSeries": 2, "numChunks": 2}
        (block / "meta.json").write_text(json.dumps(meta))


def downsample(bucket: Bucket, root: Path) -> None:
    """Have Thanos make blocks of five minutes; that program goes on until it is stopped."""
    (port,) = free_ports(0)
    command = [
        thanos_program(), "tools", "bucket", "downsample", f"--data-dir={root / 'downsample'}",
        f"--objstore.config-file={bucket.file}", f"--http-address=127.0.0.1:{port}",
    ]  # fmt: skip
    url, log = f"http://127.0.0.1:{port}", root / "downsample.log"
    with Server("downsample", command, url=url, ready="/-/ready", log=log).start():
        deadline = time.monotonic() + PATIENCE_S
        while sum(resolution_of(meta) > 0 for meta in bucket.metas()) < len(LAGS_S):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def resolution_of(meta: Any) -> int:
    return int(meta["thanos"]["downsample"]["resolution"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    thanos_program()
    root = tmp_path_factory.mktemp("histograms")
    bucket = empty_bucket(root)
    fill(bucket)
    downsample(bucket, root)
    store, address = thanos_store(root, bucket)
    querier = thanos_query(root, "querier", [address], "--query.replica-label=replica")
    served, own_address = bucket_server(root, bucket)
    over_cupola = thanos_query(
        root, "over-cupola", [own_address], "--query.replica-label=replica",
        "--grpc.proxy-strategy=lazy",
    )  # fmt: skip
    flags = ("--dedup.replica-labels=replica", "--dedup.algorithm=penalty")
    ports = free_ports(0, 0)
    where = (f"--stores.thanos-bucket={bucket.file}", f"--stores.endpoints={address}")
    others = []
    for port, name, flag in zip(ports, ("in-place", "over-store"), where, strict=True):
        (root / name).mkdir()
        others.append(cupola_server(root / name, flag, *flags, port=port))
    with ExitStack() as stack:
        servers = (store, served, querier, over_cupola, *others)
        for server in servers:
            stack.enter_context(server.start())
        for server in servers:
            server.wait_ready()
        for each in (querier, over_cupola):
            until_listed(each)
        until_known(served)
        until_known(others[0])
        yield Scene(querier, over_cupola, others)


@pytest.mark.parametrize("resolution", ["0s", "5m"])
@pytest.mark.parametrize("query", QUERIES)
def test_rises_are_those_of_thanos(scene: Scene, query: str, resolution: str) -> None:
    """Where replicas are one by its own algorithm; at 5 minutes, of what it downsampled."""
    times = {"start": END_S - 12 * 3_600, "end": END_S - 3_600, "step": 600}
    asked = {"query": query, "max_source_resolution": resolution, **times}
    theirs = data_of(scene.querier.url, "query_range", dedup="true", **asked)["result"]
    assert theirs
    for other in scene.others:
        assert_same(data_of(other.url, "query_range", dedup="penalty", **asked)["result"], theirs)
    found = data_of(scene.over_cupola.url, "query_range", dedup="true", **asked)["result"]
    assert_same(found, theirs)
