"""Settings as flags of the command line, by the same names."""

import argparse

from receiver.settings.config import Setting
from receiver.settings.kinds import render

METAVARS = {
    "text": "TEXT",
    "integer": "N",
    "bytes": "SIZE",
    "duration": "DURATION",
    "flag": "true|false",
    "list": "LIST",
}


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
