"""The program with a bucket of blocks: queries, lists, warnings, what is downsampled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from receiver.settings.config import ConfigError, build
from receiver.stores.setup import check_stores
from tests.makers.blocks import WrittenSeries, write_block
from tests.makers.buckets.blocks import damage
from tests.makers.buckets.windows import downsampled, downsampled_natives
from tests.makers.real_api import RealApi, run_real_api
from tests.receiver.importing.tsdb.test_block import chunk, series
from tests.receiver.stores.bucket.test_view import ULIDS
from tests.receiver.stores.test_setup import asked

FIVE, HOUR_S = 300_000, 3_600
OTHER = {"X-Scope-OrgID": "other"}


def settings(tmp_path: Path, **more: str) -> dict[str, str]:
    file = tmp_path / "bucket.yml"
    (tmp_path / "bucket").mkdir(exist_ok=True)
    file.write_text(f"type: FILESYSTEM\nconfig: {{directory: {tmp_path / 'bucket'}}}\n")
    return {"stores__thanos_bucket": str(file), **more}


async def until_checked(api: RealApi) -> dict[str, Any]:
    """What is known of the bucket, as soon as it was listed."""
    for _ in range(6_000):
        listed = (await asked(api, "stores"))["data"].get("thanos-bucket", [])
        if listed and not listed[0]["lastError"]:
            return dict(listed[0])
        await asyncio.sleep(0.01)
    raise AssertionError(f"never listed: {listed}")


def test_history_of_a_bucket_is_shown_with_what_is_here(tmp_path: Path) -> None:
    """The replica in the bucket fills the hole of the one that is here."""
    points = [(k * 15_000, 1.0) for k in range(40)]
    own = [each for k, each in enumerate(points) if not 10 <= k < 20]
    labels = {"cluster": "eu", "replica": "b"}
    late = series("up", [(time + 1_000, value) for time, value in points])
    write_block(tmp_path / "bucket", [late], ulid=ULIDS[0], labels=labels)
    write_block(tmp_path / "bucket", [series("old", points)], ulid=ULIDS[1], labels=labels)

    async def scenario(api: RealApi) -> None:
        here = {"__name__": "up", "cluster": "eu", "replica": "a"}
        await api.write((here, own), tenant="default")
        listed = await until_checked(api)
        assert listed["labelSets"] == [labels]
        assert (listed["minTime"], listed["maxTime"]) == (0, 586_000)
        found = await asked(api, "query?query=up[10m]&time=600")
        (only,) = found["data"]["result"]
        assert only["metric"] == {"__name__": "up", "cluster": "eu"}
        assert len(only["values"]) == 39 and "warnings" not in found
        found = await asked(api, 'query?query=count({cluster="eu"})&time=590&dedup=false')
        assert found["data"]["result"][0]["value"][1] == "3"
        names = await asked(api, "label/__name__/values?start=0&end=600")
        assert names["data"] == ["old", "up"]
        found = await asked(api, "query?query=old&time=580", OTHER)
        assert found["data"]["result"] == []
        assert "thanos-bucket" not in (await asked(api, "stores", OTHER))["data"]

    run_real_api(tmp_path / "data", scenario, **settings(tmp_path))


def test_two_buckets_are_history_together(tmp_path: Path) -> None:
    names = []
    for ulid, cluster in zip(ULIDS, ("eu", "us"), strict=False):
        points = [(k * 15_000, 1.0) for k in range(40)]
        write_block(tmp_path / cluster, [series("up", points)], ulid=ulid,
            labels={"cluster": cluster})  # fmt: skip
        file = tmp_path / f"{cluster}.yml"
        file.write_text(f"type: FILESYSTEM\nconfig: {{directory: {tmp_path / cluster}}}\n")
        names.append(str(file))

    async def scenario(api: RealApi) -> None:
        for _ in range(6_000):
            listed = (await asked(api, "stores"))["data"].get("thanos-bucket", [])
            if len(listed) == 2 and not any(each["lastError"] for each in listed):
                break
            await asyncio.sleep(0.01)
        found = await asked(api, "query?query=count by (cluster) (up)&time=590")
        clusters = sorted(each["metric"]["cluster"] for each in found["data"]["result"])
        assert clusters == ["eu", "us"] and "warnings" not in found
        async with api.client.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        reads = [line for line in lines if line.startswith("cupola_thanos_objstore_read_bytes_tot")]
        assert float(reads[0].split()[1]) > 0
        lists = 'cupola_thanos_objstore_requests_total{operation="list"}'
        assert [float(line.split()[1]) >= 2 for line in lines if line.startswith(lists)] == [True]

    run_real_api(tmp_path / "data", scenario, stores__thanos_bucket=",".join(names))


def test_a_bad_block_is_a_warning_or_an_error(tmp_path: Path) -> None:
    points = [(k * 15_000, 1.0) for k in range(40)]
    good = write_block(tmp_path / "bucket", [series("up", points)], ulid=ULIDS[0])
    bad = write_block(tmp_path / "bucket", [series("up", points, x="y")], ulid=ULIDS[1])
    damage(bad / "index", 12)
    assert good.exists()

    async def scenario(api: RealApi) -> None:
        await until_checked(api)
        found = await asked(api, "query?query=up&time=590")
        assert len(found["data"]["result"]) == 1
        (warning,) = found["warnings"]
        assert f"block {ULIDS[1]}: its symbols have the checksum" in warning
        found = await asked(api, "query?query=up&time=590&partial_response=false")
        assert found["status"] == "error" and ULIDS[1] in found["error"]

    run_real_api(tmp_path / "data", scenario, **settings(tmp_path))


def test_what_is_downsampled_is_shown_where_nothing_else_is(tmp_path: Path) -> None:
    """An hour of five minutes in the bucket, an hour as it came behind that."""
    raw = [(k * 30_000 + 1, float(k % 100)) for k in range(241)]
    coarse, fine = raw[:120], raw[120:]
    labels = {"__name__": "m"}
    write_block(
        tmp_path / "bucket", [WrittenSeries(labels, [downsampled(coarse)])], ulid=ULIDS[0],
        downsample={"resolution": FIVE},
    )  # fmt: skip
    write_block(tmp_path / "bucket", [WrittenSeries(labels, [chunk(fine)])], ulid=ULIDS[1])

    async def value(api: RealApi, query: str) -> float:
        found = await asked(api, f"query?query={query}&time={2 * HOUR_S}")
        assert "warnings" not in found
        return float(found["data"]["result"][0]["value"][1])

    async def scenario(api: RealApi) -> None:
        await until_checked(api)
        everything = [v for t, v in raw if 0 < t <= 2 * HOUR_S * 1000]
        assert await value(api, "count_over_time(m[2h])") == len(everything)
        assert await value(api, "sum_over_time(m[2h])") == sum(everything)
        assert await value(api, "max_over_time(m[2h])") == 99.0
        assert await value(api, "min_over_time(m[2h])") == 0.0
        mean = sum(everything) / len(everything)
        assert await value(api, "avg_over_time(m[2h])") == pytest.approx(mean)
        # Two falls, from 99 to 0.
        rise = await value(api, "increase(m[2h])")
        assert rise == pytest.approx(everything[-1] - everything[0] + 2 * 99, rel=0.02)

    run_real_api(tmp_path / "data", scenario, **settings(tmp_path))


def test_rises_of_whole_windows_and_histograms_of_windows(tmp_path: Path) -> None:
    """A range may begin in the middle of what there is, and at the edge of a window."""
    raw = [(k * 30_000 + 1, 15.0 * k) for k in range(241)]
    natives = [(time, (value, 2 * value), value) for time, value in raw]
    written = [
        WrittenSeries({"__name__": "h"}, [downsampled_natives(natives)]),
        WrittenSeries({"__name__": "m"}, [downsampled(raw)]),
    ]
    write_block(tmp_path / "bucket", written, ulid=ULIDS[0], downsample={"resolution": FIVE})

    async def value(api: RealApi, query: str) -> float:
        found = await asked(api, f"query?query={query}&time={HOUR_S}")
        assert "warnings" not in found, found
        return float(found["data"]["result"][0]["value"][1])

    async def scenario(api: RealApi) -> None:
        await until_checked(api)
        assert await value(api, "increase(m[30m])") == pytest.approx(900.0, rel=1e-3)
        # As Thanos has them, whose edges are extrapolated.
        rise = await value(api, "histogram_count(increase(h[30m]))")
        assert rise == pytest.approx(2700.0, rel=0.02)
        low = await value(api, "histogram_quantile(0.3,rate(h[30m]))")
        assert low == pytest.approx(2**0.9, rel=0.01)
        assert await value(api, "histogram_count(h)") > 0
        found = await asked(api, f"query?query=max_over_time(h[30m])&time={HOUR_S}")
        assert found["data"]["result"] == [] and "warnings" not in found

    run_real_api(tmp_path / "data", scenario, **settings(tmp_path))


def test_replicas_that_were_downsampled_are_one(tmp_path: Path) -> None:
    raw = [(k * 30_000 + 1, float(k % 100)) for k in range(240)]
    for ulid, replica in zip(ULIDS, "ab", strict=False):
        written = WrittenSeries({"__name__": "m"}, [downsampled(raw)])
        write_block(
            tmp_path / "bucket", [written], ulid=ulid, labels={"replica": replica},
            downsample={"resolution": FIVE},
        )  # fmt: skip

    async def scenario(api: RealApi) -> None:
        await until_checked(api)
        for query, value in (("count_over_time", "240"), ("sum_over_time", "10680")):
            found = await asked(api, f"query?query={query}(m[2h])&time={2 * HOUR_S}")
            (only,) = found["data"]["result"]
            assert only["metric"].get("replica") is None
            assert only["value"][1] == value, query

    run_real_api(tmp_path / "data", scenario, **settings(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type: FLOPPY\n", "stores.thanos-bucket"),
        ("{", "stores.thanos-bucket"),
        (None, "stores.thanos-bucket"),
    ],
)
def test_files_that_name_no_bucket(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "bucket.yml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        check_stores(build({"stores.thanos-bucket": str(file)}).stores)
