"""`cupola restore`: a snapshot, verified, as the data directory of a server."""

import argparse
import sys
from pathlib import Path

from receiver.settings.config import settings
from receiver.settings.flags import add_flag

HELP = "restore a snapshot to an empty data directory"
DESCRIPTION = """\
Compare all of a snapshot with its checksums, and put it into an empty directory: segments as hard
links where the file system allows, else as copies. A directory that has data is refused.
"""
EXIT_OK, EXIT_FAILURE = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="the directory of the snapshot")
    add_flag(parser, settings()["storage.path"])


def run(options: argparse.Namespace) -> int:
    """Restore it; the exit code."""
    from storage.errors import StorageError
    from storage.restore import restore

    name = "storage.path"
    path = vars(options).get(name, settings()[name].default)
    try:
        restored = restore(Path(options.snapshot), Path(path), print_line)
    except StorageError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    print_line(
        f"{path}: restored from {options.snapshot} segments={restored.segments} "
        f"bytes={restored.bytes} log_bytes={restored.log_bytes}"
    )
    return EXIT_OK


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
