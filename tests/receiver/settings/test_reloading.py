"""Files that are read again: when they are, and what stays if they are bad."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.settings.reloading import Reading, Reloader, ReloadMetrics, WatchedFile


class Scene:
    """A watched file with a number in it, and the files it names beside it."""

    def __init__(self, directory: Path, interval_ms: int = 60_000) -> None:
        self.path, self.other = directory / "main", directory / "other"
        self.clock = 0
        self.put(self.path, "1")
        self.registry = CollectorRegistry()
        self.file = WatchedFile("x.file", self.path, self.read, ReloadMetrics(self.registry))
        self.heard: list[int] = []
        self.file.listen(self.heard.append)
        self.reloader = Reloader(interval_ms, [self.file])

    def put(self, path: Path, text: str) -> None:
        """Write with a time of its own: the clock of a file system may stand still for long."""
        path.write_text(text)
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def read(self, path: Path) -> Reading[int]:
        return Reading(int(path.read_text()), (self.other,))

    def refresh(self, *, forced: bool = False) -> tuple[int, list[int]]:
        asyncio.run(self.reloader.refresh(forced=forced))
        heard, self.heard[:] = list(self.heard), []
        return self.file.value, heard

    def counted(self) -> tuple[float | None, float | None]:
        names = ("cupola_reload_failures_total", "cupola_reload_successful")
        failures, successful = (
            self.registry.get_sample_value(name, {"setting": "x.file"}) for name in names
        )
        return failures, successful


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.refresh() == (1, [])
    scene.put(scene.path, "2")
    assert scene.refresh() == (2, [2])
    assert scene.refresh() == (2, [])
    scene.put(scene.other, "named by it")
    assert scene.refresh() == (2, [2])
    scene.other.unlink()
    assert scene.refresh() == (2, [2])
    assert scene.refresh(forced=True) == (2, [2])
    assert scene.counted() == (0, 1)


def test_a_bad_file_keeps_the_old_value_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(tmp_path)
    for count, damage in enumerate(("x", None), 1):
        scene.put(scene.path, damage) if damage else scene.path.unlink()
        with caplog.at_level(logging.ERROR):
            assert scene.refresh() == (1, [])
            assert scene.refresh() == (1, [])
        assert scene.counted() == (count, 0)
        assert len(caplog.records) == count
        assert "setting=x.file" in caplog.text
    scene.put(scene.path, "3")
    assert scene.refresh() == (3, [3])
    assert scene.counted() == (2, 1)


def test_at_first_a_bad_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main").write_text("x")
    with pytest.raises(ValueError, match="invalid literal"):
        WatchedFile(
            "x.file",
            tmp_path / "main",
            lambda path: Reading(int(path.read_text())),
            ReloadMetrics(CollectorRegistry()),
        )


@pytest.mark.parametrize("interval_ms", [1, 60_000])
def test_the_reloader_looks_again_by_itself_and_when_asked(
    tmp_path: Path, interval_ms: int
) -> None:
    scene = Scene(tmp_path, interval_ms)

    async def main() -> None:
        heard = asyncio.Event()
        scene.file.listen(lambda value: heard.set())
        task = asyncio.create_task(scene.reloader.run())
        scene.put(scene.path, "2")
        if interval_ms > 1:
            scene.reloader.reload_now()
        async with asyncio.timeout(30):
            await heard.wait()
        task.cancel()

    asyncio.run(main())
    assert scene.file.value == 2
