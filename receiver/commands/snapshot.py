"""`cupola snapshot`: a consistent copy of a data directory, also beside a running server."""

import argparse
import sys
from pathlib import Path

from receiver.settings.config import settings
from receiver.settings.flags import add_flag

HELP = "take a consistent snapshot of a data directory, also beside a running server"
DESCRIPTION = """\
Take a snapshot of a data directory: segments as hard links, catalog and log as copies. It is
a data directory of its own; to restore it, start a server with it, or with a copy of it.
"""
EXIT_OK, EXIT_FAILURE = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="DIRECTORY", help="the snapshot; on the file system of the data"
    )
    add_flag(parser, settings()["storage.path"])


def run(options: argparse.Namespace) -> int:
    """Take it; the exit code."""
    from storage.errors import StorageError
    from storage.snapshot import take_snapshot

    name = "storage.path"
    path = vars(options).get(name, settings()[name].default)
    try:
        take_snapshot(Path(path), Path(options.target))
    except StorageError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    sys.stdout.write(f"{options.target}: snapshot of {path}\n")
    return EXIT_OK
