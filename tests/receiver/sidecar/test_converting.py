"""Blocks of a Prometheus as segments, in a data directory and in a bucket."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.importing.parts import Report
from receiver.importing.targets import DatabaseTarget
from receiver.settings.config import ConfigError
from receiver.settings.config import build as configured
from receiver.sidecar.converting import STATE_FILE, Converter
from receiver.sidecar.options import SidecarOptions, server_of_file
from receiver.sidecar.program import converter_of, maker_of
from receiver.sidecar.shipping import ShippingMetrics
from storage.labels.matchers import Matcher
from tests.makers.blocks import WrittenSeries, write_block
from tests.makers.buckets.blocks import damage, set_meta
from tests.receiver.importing.tsdb.test_block import chunk
from tests.receiver.stores.bucket.test_view import ULIDS

EU = {"cluster": "eu", "replica": "a"}
Points = list[tuple[int, float]]
EARLY: Points = [(k * 15_000, float(k)) for k in range(1, 9)]
LATE: Points = [(k * 15_000, float(k)) for k in range(9, 17)]


class Scene:
    """A directory of blocks beside a data directory."""

    def __init__(self, path: Path) -> None:
        self.tsdb, self.data, self.bucket = path / "tsdb", path / "data", path / "bucket"
        self.tsdb.mkdir(exist_ok=True)
        bucket = f"{{type: FILESYSTEM, config: {{directory: {self.bucket}}}}}"
        settings: dict[str, object] = {
            "storage.path": str(self.data), "objstore.config": bucket, "storage.retention": "0s",
            "storage.head.max-age": "1s", "objstore.interval": "100ms",
        }  # fmt: skip
        self.config = configured(settings)
        self.registry = CollectorRegistry()
        report = Report()
        self.target = DatabaseTarget(self.config, "team", report, self.registry)
        metrics = ShippingMetrics(self.registry)
        self.converter = Converter(self.tsdb, self.target, report, self.data / STATE_FILE, metrics)

    def add(self, ulid: str, points: Points, *, sources: list[str] | None = None) -> Path:
        block = write_block(self.tsdb, [WrittenSeries({"__name__": "up"}, [chunk(points)])],
            ulid=ulid)  # fmt: skip
        if sources is not None:
            set_meta(block, compaction={"level": 2, "sources": sources})
        return block

    def found(self) -> dict[str, Points]:
        """The series that queries of the tenant see."""
        querier = self.target._database.querier("team", replica_labels=(), dedup=False)
        selection = querier.select([Matcher("__name__", "=", "up")], 0, 1 << 40)
        samples = selection.read(0, selection.labels.rows)
        own = [samples.timestamps.tolist(), samples.values.tolist()]
        return {
            json.dumps(selection.labels.labelset(row), sort_keys=True): list(
                zip(*(column[a:b] for column in own), strict=True)
            )
            for row, (a, b) in enumerate(
                zip(samples.offsets[:-1].tolist(), samples.offsets[1:].tolist(), strict=True)
            )
        }

    def count(self, name: str) -> float:
        return self.registry.get_sample_value(name) or 0.0


def run(path: Path, steps: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        scene = Scene(path)
        async with scene.target:
            await steps(scene)

    asyncio.run(asyncio.wait_for(main(), 900))


NAME = json.dumps({"__name__": "up", **EU}, sort_keys=True)


def test_blocks_become_segments_in_the_bucket(tmp_path: Path) -> None:
    async def steps(scene: Scene) -> None:
        scene.add(ULIDS[1], LATE)
        scene.add(ULIDS[0], EARLY)
        assert await scene.converter.sync(EU) == 2
        assert scene.found() == {NAME: [*EARLY, *LATE]}
        assert await scene.converter.sync(EU) == 0
        assert scene.count("cupola_sidecar_uploads_total") == 2
        assert scene.count("cupola_sidecar_blocks_waiting") == 0
        for _ in range(60_000):
            if list(scene.bucket.glob("**/samples.parquet")):
                break
            await asyncio.sleep(0.01)
        assert list(scene.bucket.glob("**/samples.parquet"))

    run(tmp_path, steps)


def test_what_is_done_is_remembered(tmp_path: Path) -> None:
    async def first(scene: Scene) -> None:
        scene.add(ULIDS[0], EARLY)
        assert await scene.converter.sync(EU) == 1

    async def second(scene: Scene) -> None:
        assert await scene.converter.sync(EU) == 0
        # What the Prometheus made of it has nothing new; what was made of another one too, has.
        scene.add(ULIDS[1], EARLY, sources=[ULIDS[0]])
        assert await scene.converter.sync(EU) == 0
        scene.add(ULIDS[2], [*EARLY, *LATE], sources=[ULIDS[0], "01H0000000000000000000000Z"])
        assert await scene.converter.sync(EU) == 1
        assert scene.found() == {NAME: [*EARLY, *LATE]}
        shutil.rmtree(scene.tsdb / ULIDS[2])
        assert await scene.converter.sync(EU) == 0

    run(tmp_path, first)
    run(tmp_path, second)


def test_a_damaged_block_costs_itself(tmp_path: Path) -> None:
    async def steps(scene: Scene) -> None:
        bad = scene.add(ULIDS[0], EARLY)
        damage(bad / "index", 12)
        scene.add(ULIDS[1], LATE)
        (scene.tsdb / ULIDS[2]).mkdir()
        assert await scene.converter.sync(EU) == 1
        assert scene.found() == {NAME: LATE}
        assert scene.count("cupola_sidecar_upload_failures_total") == 1
        assert scene.count("cupola_sidecar_blocks_waiting") == 1
        damage(bad / "index", 12)
        assert await scene.converter.sync(EU) == 1
        assert scene.found() == {NAME: [*EARLY, *LATE]}
        assert not list((scene.tsdb / "thanos" / "upload").glob("*"))

    run(tmp_path, steps)


def test_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "tsdb").mkdir()
    server = server_of_file("http://x:1", "")
    options = SidecarOptions(server, str(tmp_path / "tsdb"), tenant="team")
    with pytest.raises(ConfigError, match="needs a bucket"):
        converter_of(options, configured({"storage.path": "data"}), CollectorRegistry())
    same = configured({"storage.path": str(tmp_path / "tsdb"), "objstore.config": "{}"})
    with pytest.raises(ConfigError, match="is the directory of the Prometheus"):
        converter_of(options, same, CollectorRegistry())
    gone = SidecarOptions(server, str(tmp_path / "none"), tenant="team")
    with pytest.raises(ConfigError, match="--tsdb.path"):
        maker_of(gone)(configured({}), CollectorRegistry(), None)  # type: ignore[arg-type]
