"""The files of access: which are configured, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.access.files import OPEN_TO_ALL, AccessFiles
from receiver.access.grants import EVERYTHING
from receiver.settings.config import ConfigError, build
from receiver.settings.reloading import ReloadMetrics


def opened(values: dict[str, str]) -> AccessFiles:
    return AccessFiles.open(build(values), ReloadMetrics(CollectorRegistry()))


def test_no_files() -> None:
    files = opened({})
    assert (files.web_config(), files.grants()) == (OPEN_TO_ALL, None)


def test_both_files(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}")
    (tmp_path / "auth.yml").write_text(
        "users: {root: {tenants: '*', rights: [read, write, metrics, admin, rules]}}"
    )
    values = {
        "web.config.file": str(tmp_path / "web.yml"),
        "auth.file": str(tmp_path / "auth.yml"),
    }
    files = opened(values)
    AccessFiles.check(build(values))
    assert files.web_config().headers == {"X-Frame-Options": "deny"}
    grants = files.grants()
    assert grants is not None
    assert grants.users == {"root": EVERYTHING}


@pytest.mark.parametrize("name", ["web.config.file", "auth.file"])
def test_a_bad_file_is_a_mistake_in_the_configuration(tmp_path: Path, name: str) -> None:
    (tmp_path / "bad").write_text("[]")
    values = {name: str(tmp_path / "bad")}
    for act in (opened, lambda values: AccessFiles.check(build(values))):
        with pytest.raises(ConfigError, match="the file: got list"):
            act(values)
