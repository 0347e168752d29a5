"""Settings as flags of the command line, by the same names."""

import argparse

from receiver.settings.config import Setting, settings
from receiver.settings.kinds import render

METAVARS = {
    "text": "TEXT",
    "integer": "N",
    "bytes": "SIZE",
    "duration": "DURATION",
    "flag": "true|false",
    "list": "LIST",
}

# Of commands that read a bucket, or write to one.
BUCKET_FLAGS = ("objstore.config-file", "objstore.config", "objstore.cache-size")


def add_flag(parser: argparse.ArgumentParser, setting: Setting) -> None:
    """Declare the flag of a setting; absent flags leave no trace in the result."""
    choices = setting.allowed if setting.kind == "text" else None
    default = render(setting.kind, setting.default) or "none"
    parser.add_argument(
        f"--{setting.name}",
        dest=setting.name,
        metavar="|".join(choices) if choices else METAVARS[setting.kind],
        nargs="?" if setting.kind == "flag" else None,
        const="true" if setting.kind == "flag" else None,
        default=argparse.SUPPRESS,
        help=f"{setting.help} Default: {default}.".replace("%", "%%"),
    )


def add_storage_flags(parser: argparse.ArgumentParser) -> None:
    """Declare --config, and the flags of what is under `storage.`: for commands that open a data
    directory as the server does."""
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    for setting in settings().values():
        if setting.layer == "storage":
            add_flag(parser, setting)
