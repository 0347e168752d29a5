"""The places of processes, and the configuration of each."""

from __future__ import annotations

import os

import pytest

from receiver.processes.place import ALONE, Place, check_processes, part_of
from receiver.settings.config import ConfigError, build
from storage.tenants.placement import Share, shard_of

MIB = 1 << 20


def test_every_tenant_has_one_process() -> None:
    places = [Place(Share(n, 3), shards=7) for n in range(3)]
    for tenant in map(str, range(40)):
        having = [place.share.number for place in places if place.has(tenant)]
        assert having == [shard_of(tenant, 7) % 3] == [places[0].owner(tenant)]
    assert ALONE.has("any")


def test_reports_are_lines_for_the_parent() -> None:
    reading, writing = os.pipe()
    Place(reports=writing).report("open")
    ALONE.report("open")
    assert os.read(reading, 100) == b"open\n"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"storage.shards": "4"}, ""),
        ({"storage.shards": "3"}, "processes: got 4; allowed are as many as there are shards"),
        ({"role": "query"}, "allowed is 1 with role=query"),
        ({"objstore.config": "type: FILESYSTEM"}, "allowed is 1 with a bucket"),
        ({"tenant.label": "team"}, "allowed is 1 with tenant.label"),
    ],
)
def test_what_several_processes_cannot_do(settings: dict[str, str], problem: str) -> None:
    given = {"processes": "4", "storage.shards": "8"} | settings
    if not problem:
        check_processes(build(given))
        return
    with pytest.raises(ConfigError) as raised:
        check_processes(build(given))
    assert problem in str(raised.value)
    check_processes(build(given | {"processes": "1"}))


def test_memory_of_the_server_is_dealt_out() -> None:
    config = build(
        {
            "storage.segment-cache.max-bytes": "64MiB",
            "storage.compaction.max-bytes-per-second": "0",
            "query.cache.max-bytes": "0",
            "write.max-inflight-bytes": "40MiB",
            "storage.max-series": "5000",
        }
    )
    part = part_of(config, 4)
    assert part.storage.segment_cache_bytes == 16 * MIB
    assert part.write.inflight_bytes_max == 10 * MIB
    # What stands for no limit, or for none at all, goes on to do so.
    assert (part.storage.compaction_bytes_per_second, part.query_cache.bytes_max) == (0, 0)
    # Of one shard each, and so not dealt out.
    assert part.storage.series_max == config.storage.series_max
