"""The flags that a sidecar and a store gateway have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from receiver.cli import make_parser
from receiver.gateway.flags import ALIASES, DEFAULTS, add_flags, configured, given_by
from receiver.settings.config import settings

PROGRAMS = [
    ["sidecar"],
    ["thanos-bucket", "serve", "--objstore.config-file=b.yml"],
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=["sidecar", "store"])
def test_programs_take_the_same_flags_by_both_names(program: list[str]) -> None:
    own = make_parser().parse_args(
        [*program, "--http-address=:1", "--grpc.listen-address=:2", "--stores.max-chunks=7"]
    )
    config = configured(own.config, given_by(own))
    assert (config.web.listen_address, config.grpc.listen_address) == (":1", ":2")
    assert config.stores.chunks_max == 7


def test_every_alias_is_that_of_a_setting() -> None:
    assert set(ALIASES) <= set(settings())
    assert set(DEFAULTS) <= set(ALIASES)


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "cupola.yml"
    file.write_text("grpc: {listen-address: ':3'}\nstores: {max-chunks: 5}\n")
    parser = argparse.ArgumentParser()
    add_flags(parser, ["stores.response-timeout"])
    given = given_by(parser.parse_args(["--stores.max-chunks=6", "--stores.response-timeout=2s"]))
    config = configured(str(file), given)
    assert config.web.listen_address == DEFAULTS["web.listen-address"]
    assert config.grpc.listen_address == ":3"
    assert (config.stores.chunks_max, config.stores.response_timeout_ms) == (6, 2_000)
