"""Files of rules while the program runs: the last good ones count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.promql.features import DEFAULT_FEATURES
from receiver.ruling.files import WatchedRules
from receiver.settings.reloading import ReloadMetrics
from rules.ruler.file_sets import FileSetError
from tests.makers.rules.ruling import recording

SETTING = {"setting": "rules.files"}


def put(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def test_the_last_good_files_count(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    one, two = tmp_path / "t" / "one.yml", tmp_path / "t" / "two.yml"
    put(one, recording(("a", "m")))
    watched = WatchedRules([f"{tmp_path}/*/*.yml"], "", DEFAULT_FEATURES, ReloadMetrics(registry))

    def names() -> list[str]:
        return [group.rules[0].record for group in watched.current().groups.get("t", ())]

    def state() -> tuple[float | None, float | None]:
        return (
            registry.get_sample_value("cupola_reload_successful", SETTING),
            registry.get_sample_value("cupola_reload_failures_total", SETTING),
        )

    assert (names(), state()) == (["a"], (1.0, 0.0))
    version = watched.current().version
    assert not watched.refresh()
    put(two, recording(("b", "m")))  # a file that is new
    assert watched.refresh()
    assert names() == ["a", "b"]
    assert watched.current().version != version
    put(one, recording(("c", "m +")))
    put(two, recording(("d", "m")))
    version = watched.current().version
    assert not watched.refresh()
    assert not watched.refresh()  # is read once
    assert (names(), state(), watched.is_good) == (["a", "b"], (0.0, 1.0), False)
    assert watched.current().version == version
    put(one, recording(("e", "m")))
    assert watched.refresh()
    assert (names(), state(), watched.is_good) == (["e", "d"], (1.0, 1.0), True)
    one.unlink()
    assert watched.refresh()
    assert names() == ["d"]
    assert watched.refresh(forced=True)


def test_a_bad_file_of_one_tenant_holds_back_no_other(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    put(tmp_path / "t" / "one.yml", recording(("a", "m")))
    put(tmp_path / "u" / "one.yml", recording(("b", "m")))
    put(tmp_path / "v" / "one.yml", recording(("c", "m")))
    watched = WatchedRules([f"{tmp_path}/*/*.yml"], "", DEFAULT_FEATURES, ReloadMetrics(registry))

    def names() -> dict[str, list[str]]:
        groups = watched.current().groups
        return {tenant: [group.rules[0].record for group in groups[tenant]] for tenant in groups}

    put(tmp_path / "t" / "one.yml", recording(("d", "m")))
    put(tmp_path / "t" / "two.yml", recording(("e", "m +")))
    put(tmp_path / "u" / "one.yml", recording(("f", "m")))
    (tmp_path / "v" / "one.yml").unlink()
    put(tmp_path / "w" / "one.yml", "groups: 1")
    put(tmp_path / "no+tenant" / "one.yml", recording(("g", "m")))
    assert watched.refresh()
    assert names() == {"t": ["a"], "u": ["f"]}
    assert not watched.is_good
    assert registry.get_sample_value("cupola_reload_successful", SETTING) == 0
    version = watched.current().version
    assert not watched.refresh(forced=True)
    assert watched.current().version == version
    put(tmp_path / "t" / "two.yml", recording(("h", "m")))
    assert watched.refresh()
    assert names() == {"t": ["d", "h"], "u": ["f"]}


def test_files_that_are_bad_at_the_start(tmp_path: Path) -> None:
    put(tmp_path / "t" / "one.yml", "groups: 1")
    with pytest.raises(FileSetError):
        WatchedRules(
            [f"{tmp_path}/*/*.yml"], "", DEFAULT_FEATURES, ReloadMetrics(CollectorRegistry())
        )
