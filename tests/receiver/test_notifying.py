"""The Alertmanagers of settings and of a watched file, and the notifier that follows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.notifying import Notifying, check_alertmanagers
from receiver.settings.config import ConfigError, build
from receiver.settings.reloading import ReloadMetrics
from rules.notifying.options import AlertmanagerOptions

FILE = """
alertmanagers:
- tenants: [a]
  authorization: {credentials_file: token}
  static_configs: [{targets: [%s]}]
"""


def write(path: Path, text: str, version: int) -> None:
    """With a time of its own: the clock of a file system may stand still for long."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.utime(new, (version, version))
    new.replace(path)


def test_a_file_is_followed_and_the_urls_of_the_settings_stay(tmp_path: Path) -> None:
    path, token = tmp_path / "alerting.yml", tmp_path / "token"
    write(path, FILE % "one:1", 1)
    write(token, "secret", 1)
    config = build(
        {"rules.alertmanagers.file": str(path), "rules.alertmanagers.urls": ["http://all:9"]}
    )
    registry = CollectorRegistry()
    notifying = Notifying(config, registry, ReloadMetrics(registry))
    assert notifying.file is not None

    def hosts(tenant: str) -> list[str]:
        return [url.split("/")[2] for url in notifying.notifier.urls(tenant)[0]]

    assert (hosts("a"), hosts("b")) == (["one:1", "all:9"], ["all:9"])
    write(path, FILE % "two:2", 2)
    assert notifying.file.refresh()
    notifying.file.tell()
    assert (hosts("a"), hosts("b")) == (["two:2", "all:9"], ["all:9"])
    discovered = "prometheus_notifications_alertmanagers_discovered"
    assert registry.get_sample_value(discovered) == 2
    write(path, "alertmanagers: 1", 3)
    assert not notifying.file.refresh()
    assert hosts("a") == ["two:2", "all:9"], "a bad file changes nothing"
    write(path, FILE % "two:2", 4)
    notifying.file.refresh()
    write(token, "another secret", 5)
    assert notifying.file.refresh(), "the files that it names are followed"
    notifying.notifier.drain()


def test_without_a_file_there_are_those_of_the_settings() -> None:
    registry = CollectorRegistry()
    notifying = Notifying(build({}), registry, ReloadMetrics(registry))
    assert notifying.file is None
    assert notifying.notifier.urls("a") == ([], [])
    notifying.notifier.drain()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (AlertmanagerOptions(urls=("am:9093",)), "rules.alertmanagers.urls: got 'am:9093'"),
        (AlertmanagerOptions(file="missing.yml"), "missing.yml: cannot be read"),
        (AlertmanagerOptions(file="bad.yml"), "bad.yml: alertmanagers, entry 1: [Errno 2]"),
    ],
)
def test_what_is_wrong_is_found_before_the_start(
    tmp_path: Path, options: AlertmanagerOptions, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yml").write_text(FILE % "x:1")
    with pytest.raises(ConfigError) as raised:
        check_alertmanagers(options)
    assert text in str(raised.value)
