"""What the program reports of itself, of a program that runs."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from receiver.settings.config import build, flatten
from tests.makers.real_api import RealApi, run_real_api


def test_the_configuration_in_force_can_be_loaded_again(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        status, data = await api.get("status/config")
        assert status == 200
        values = flatten(yaml.safe_load(data["yaml"]))
        assert values["storage.shards"] == 3
        assert values["dedup.replica-labels"] == ["replica"]
        assert build(values).storage.path == str(tmp_path)
        status, flags = await api.get("status/flags")
        assert status == 200
        assert set(flags) == set(values)
        assert (flags["storage.shards"], flags["query.timeout"]) == ("3", "2m")
        assert all(isinstance(text, str) for text in flags.values())

    run_real_api(tmp_path, check)


def test_run_time(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await asyncio.sleep(0.01)
        _, info = await api.get("status/runtimeinfo")
        started = datetime.fromisoformat(info["startTime"])
        now = datetime.fromisoformat(info["serverTime"])
        assert started < now <= datetime.now(UTC) + timedelta(seconds=1)
        assert info["lastConfigTime"] == info["startTime"]
        assert info["reloadConfigSuccess"] is True
        assert info["storageRetention"] == "2h"
        assert info["goroutineCount"] > 1
        _, replay = await api.get("status/walreplay")
        assert replay == {"min": 0, "max": 3, "current": 3}

    run_real_api(tmp_path, check, storage__retention="2h")


def test_a_file_that_cannot_be_read_again_is_reported(tmp_path: Path) -> None:
    limits = tmp_path / "limits.yml"
    limits.write_text("{}")

    async def check(api: RealApi) -> None:
        _, before = await api.get("status/runtimeinfo")
        # Moved into place: a file that is written where it lies is empty for a moment, and an
        # empty one can be read.
        (tmp_path / "new.yml").write_text("nonsense: [")
        (tmp_path / "new.yml").replace(limits)
        for _ in range(3_000):
            _, info = await api.get("status/runtimeinfo")
            if not info["reloadConfigSuccess"]:
                break
            await asyncio.sleep(0.01)
        assert info["reloadConfigSuccess"] is False
        assert info["lastConfigTime"] == before["lastConfigTime"]

    settings = {"limits__file": str(limits), "reload_interval": "10ms"}
    run_real_api(tmp_path / "data", check, **settings)
