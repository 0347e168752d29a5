"""`cupola restore`: a snapshot, or what a bucket has, as the data directory of a server."""

import argparse
import sys
from pathlib import Path

from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import add_flag

HELP = "restore a snapshot, or a bucket, to an empty data directory"
DESCRIPTION = """\
Compare all of a snapshot with its checksums, and put it into an empty directory: segments as hard
links where the file system allows, else as copies. A directory that has data is refused.

Without a snapshot, fetch everything from the bucket of --objstore.config-file; what is broken off
goes on when the command is called again. The server that wrote the bucket must not run any more.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
FLAGS = ("storage.path", "objstore.config-file", "objstore.config")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "snapshot", metavar="SNAPSHOT", nargs="?", help="the directory of the snapshot"
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    parser.add_argument(
        "--leave-samples",
        action="store_true",
        help="leave samples in the bucket; a server with the same bucket fetches what is asked for",
    )
    for name in FLAGS:
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Restore it; the exit code."""
    from storage.errors import StorageError

    given = {name: value for name, value in vars(options).items() if name in settings()}
    try:
        config = load(Path(options.config) if options.config else None, given)
        if options.snapshot is not None:
            restore_snapshot(Path(options.snapshot), Path(config.storage.path))
        else:
            restore_bucket(config, samples=not options.leave_samples)
    except ConfigError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except StorageError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    return EXIT_OK


def restore_snapshot(snapshot: Path, target: Path) -> None:
    from storage.restore import restore

    restored = restore(snapshot, target, print_line)
    print_line(
        f"{target}: restored from {snapshot} segments={restored.segments} "
        f"bytes={restored.bytes} log_bytes={restored.log_bytes}"
    )


def restore_bucket(config: Config, *, samples: bool) -> None:
    """Raises ConfigError if there is none, and StorageError."""
    from prometheus_client import CollectorRegistry

    from storage.errors import StoreConfigError
    from storage.objects.metrics import ObjectMetrics
    from storage.objects.store import configured, open_store
    from storage.rebuild import rebuild

    try:
        bucket = configured(config.objstore)
        if bucket is None:
            raise ConfigError("name a snapshot, or a bucket (objstore.config-file)")
        store = open_store(bucket, config.objstore, ObjectMetrics(CollectorRegistry()))
    except StoreConfigError as error:
        raise ConfigError(str(error)) from error
    target = Path(config.storage.path)
    try:
        rebuilt = rebuild(store, target, samples=samples, report=print_line)
    finally:
        store.close()
    print_line(
        f"{target}: restored from {store.place} segments={rebuilt.segments} "
        f"bytes={rebuilt.bytes} fetched_bytes={rebuilt.fetched_bytes}"
    )


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
