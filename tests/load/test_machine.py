"""What the report says of the programs: the versions of those that are run."""

from pathlib import Path

import pytest
from machine import package_version, version, version_in
from servers import PROGRAMS, Program, cupola_arguments, installed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prometheus, version 2.42.0+ds (branch: debian/sid)\n  go version: go1.19.6", "2.42.0+ds"),
        ("prometheus, version 3.14.0 (branch: HEAD, revision: d15adb9)", "3.14.0"),
        ("prometheus, version 3.15.0-rc.1 (branch: HEAD)", "3.15.0-rc.1"),
        ("victoria-metrics-20260810-121512-tags-v1.150.0-0-gabcdef1", "1.150.0"),
        ("victoria-metrics-20260810-121512-tags-v1.150.0-enterprise-0-gab", "1.150.0-enterprise"),
        (
            "victoria-metrics-20260810-heads-master-0-gabc",
            "victoria-metrics-20260810-heads-master-0-gabc",
        ),
        ("cupola 0.1.0", "0.1.0"),
        ("prometheus\n  go version: go1.19", "prometheus"),
        ("", ""),
    ],
)
def test_versions_are_found(text: str, said: str) -> None:
    assert version_in(text) == said


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_peer_is_the_one_of_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert installed("some-peer", "other-name") == ("some-peer",)
    other = script(tmp_path / "other-name", "echo other, version 9.9.9 >&2")
    assert installed("some-peer", "other-name") == (str(other),)
    program = Program("prometheus", "Prometheus", (str(other),), cupola_arguments, "/")
    assert version(program) == "9.9.9"
    own = script(tmp_path / "some-peer", "")
    assert installed("some-peer", "other-name") == (str(own),)
    # The package of that name is another program.
    silent = Program("victoria-metrics", "VictoriaMetrics", (str(own),), cupola_arguments, "/")
    assert package_version(silent) == version(silent) == "of unknown version"


def test_cupola_is_the_one_of_the_checkout() -> None:
    ours = PROGRAMS[0]
    assert ours.command[1:] == ("-m", "receiver")
    assert version(ours).startswith("0.")
