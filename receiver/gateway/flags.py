"""The flags of programs without a data directory: settings of a server, and Thanos' names for some.

One table for all of them, so that a sidecar and a store gateway are started alike.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from receiver.settings.config import Config, load, read_file, settings
from receiver.settings.flags import add_flag

# What each of these programs has.
SERVER = (
    "web.listen-address",
    "grpc.listen-address",
    "web.config.file",
    "auth.file",
    "log.level",
    "log.format",
    "dedup.replica-labels",
    "stores.timeout",
    "stores.max-bytes",
    "stores.max-series",
    "stores.max-chunks",
    "stores.max-samples",
)
# What Thanos calls some settings.
ALIASES = {
    "web.listen-address": "--http-address",
    "grpc.listen-address": "--grpc-address",
    "web.config.file": "--http.config",
    "stores.thanos-bucket-interval": "--sync-block-duration",
    "stores.thanos-bucket-deletion-delay": "--ignore-deletion-marks-delay",
    "stores.thanos-bucket-cache-size": "--chunk-pool-size",
    "stores.thanos-bucket-index-cache-size": "--index-cache-size",
}
# Where Thanos' programs listen.
DEFAULTS: Mapping[str, object] = {"web.listen-address": ":10902", "grpc.listen-address": ":10901"}


def add_flags(parser: argparse.ArgumentParser, own: Sequence[str]) -> None:
    """Declare the flags that all have, and those of one program, under both names."""
    for name in (*SERVER, *own):
        add_flag(parser, settings()[name])
        if name in ALIASES:
            parser.add_argument(
                ALIASES[name], dest=name, metavar="TEXT", default=argparse.SUPPRESS,
                help=f"the same as --{name}, as Thanos names it",
            )  # fmt: skip


def given_by(options: argparse.Namespace) -> dict[str, object]:
    """The settings that flags name."""
    return {name: value for name, value in vars(options).items() if name in settings()}


def configured(
    file: str | None, given: Mapping[str, object], defaults: Mapping[str, object] = DEFAULTS
) -> Config:
    """The settings of a program: flags win over the file, which wins over the program's defaults.
    Raises ConfigError."""
    path = Path(file) if file else None
    named = set(read_file(path)) if path is not None else set()
    own = {name: text for name, text in defaults.items() if name not in named}
    return load(path, {**own, **given})
