"""`cupola thanos-bucket`: lists, verification, and what is wrong with flags."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from receiver.cli import main
from receiver.gateway.bucket import make
from receiver.gateway.program import build
from receiver.settings.config import build as configured
from receiver.stores.storeapi.messages import parse_info
from tests.makers.blocks import WrittenSeries, write_block
from tests.makers.bodies.remote_read import decoded
from tests.makers.buckets.blocks import damage
from tests.makers.buckets.windows import FIVE, RAW, downsampled
from tests.makers.thanos.client import connected
from tests.receiver.importing.tsdb.test_block import FIRST, SECOND, WRITTEN, series
from tests.receiver.stores.bucket.test_view import ULIDS

EU = {"cluster": "eu"}


def bucket_file(tmp_path: Path) -> str:
    file = tmp_path / "bucket.yml"
    (tmp_path / "bucket").mkdir(exist_ok=True)
    file.write_text(f"type: FILESYSTEM\nconfig: {{directory: {tmp_path / 'bucket'}}}\n")
    return str(file)


def test_list_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flag = f"--objstore.config-file={bucket_file(tmp_path)}"
    write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[0], labels=EU)
    bad = write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[1], labels={"cluster": "us"})
    assert main(["thanos-bucket", "list", flag]) == 0
    assert "2 blocks, " in capsys.readouterr().out
    assert main(["thanos-bucket", "list", flag, "--format=json", '--match={cluster="eu"}']) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["ulid"], only["labels"], only["state"]) == (ULIDS[0], EU, "used")
    assert main(["thanos-bucket", "verify", flag]) == 0
    assert "blocks=2 damaged=0" in capsys.readouterr().out
    damage(bad / "index", 12)
    (write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[2]) / "meta.json").write_text("{")
    assert main(["thanos-bucket", "verify", flag]) == 1
    out = capsys.readouterr().out
    assert f"{ULIDS[0]}  sound" in out and f"{ULIDS[1]}  DAMAGED" in out
    assert f"{ULIDS[2]}  DAMAGED  its meta.json cannot be read" in out
    assert "blocks=3 damaged=2" in out
    assert main(["thanos-bucket", "verify", flag, f"--id={ULIDS[0]}"]) == 0
    assert "blocks=1 damaged=0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["list", "--match={"], "--match"),
        (["verify", f"--id={ULIDS[5]}"], f"the bucket has no block {ULIDS[5]}"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    command, *rest = arguments
    flag = f"--objstore.config-file={bucket_file(tmp_path)}"
    assert main(["thanos-bucket", command, flag, *rest]) == 2
    assert text in capsys.readouterr().err
    assert main(["thanos-bucket", command, f"--objstore.config-file={tmp_path}/none"]) == 2
    assert "stores.thanos-bucket" in capsys.readouterr().err


def test_a_bucket_is_served_over_http_and_grpc(tmp_path: Path) -> None:
    file = bucket_file(tmp_path)
    write_block(tmp_path / "bucket", [series("m", FIRST)], ulid=ULIDS[0], labels=EU)
    write_block(tmp_path / "bucket", [series("m", SECOND)], ulid=ULIDS[1], labels=EU)
    # Of an external label that is its own as well: two series become one.
    clash = [series("clash", FIRST), series("clash", SECOND, cluster="own")]
    write_block(tmp_path / "bucket", clash, ulid=ULIDS[2], labels=EU)
    coarse = [WrittenSeries({"__name__": "coarse"}, [downsampled(RAW)])]
    write_block(
        tmp_path / "bucket", coarse, ulid=ULIDS[3], labels=EU, downsample={"resolution": FIVE}
    )

    async def scenario() -> None:
        given = {"stores.thanos-bucket": file, "grpc.listen-address": "localhost:0"}
        gateway = build(configured(given), make)
        async with TestClient(TestServer(gateway.app)) as client:
            for _ in range(6_000):
                async with client.get("/-/ready") as response:
                    if response.status == 200:
                        break
                await asyncio.sleep(0.01)
            async with client.get("/api/v1/query?query=m[5s]&time=5") as response:
                (found,) = (await response.json())["data"]["result"]
                assert [float(v) for _, v in found["values"]] == [1.0, 2.0, 3.0, 4.0]
            async with connected(gateway.grpc.port) as store:
                info = parse_info(await store.one("thanos.info.Info/Info"))
                assert (info.kind, info.labels) == ("store", (EU,))
                assert info.span is not None and info.span[0] == 7
                answer = await store.series([("__name__", "=", "m"), ("cluster", "=", "eu")])
                assert answer.labelsets == [{"__name__": "m", **EU}]
                assert answer.series[0].points() == FIRST + SECOND
                answer = await store.series([("__name__", "=", "clash")])
                (both,) = answer.series
                assert both.points() == FIRST + SECOND
                wanted = [("__name__", "=", "coarse")]
                assert (await store.series(wanted)).series == []
                answer = await store.series(wanted, resolution_ms=FIVE, aggregates=[1, 4])
                (windows,) = answer.series
                found = {c.part: decoded(c.data, c.kind + 1) for c in windows.chunks}
                assert found == {
                    "count": [(299_999, 5), (599_999, 5), (660_007, 2)],
                    "max": [(299_999, 9), (599_999, 8), (660_007, 6)],
                }
                answer = await store.series(wanted, skip_chunks=True)
                assert answer.labelsets == [{"__name__": "coarse", **EU}]

    asyncio.run(asyncio.wait_for(scenario(), 300))
