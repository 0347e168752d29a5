"""`cupola sql`: SQL over a data directory, read-only, also beside a running server."""

import argparse
import sys
from pathlib import Path

from receiver.settings.config import ConfigError, load, settings
from receiver.settings.flags import add_flag

HELP = "ask a data directory by SQL, read-only"
DESCRIPTION = """\
Ask a data directory by SQL: a shell, or the statements of -c. The directory is only read,
also beside a running server; samples that are not sealed yet are not seen. The views are
samples, histograms, exemplars, series, metadata and segments.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
FORMATS = ("table", "csv", "json")
FLAGS = ("storage.path", "storage.duckdb.memory-limit", "storage.duckdb.threads")
HEAD_NOTE = (
    "only sealed samples are seen: the newest, up to storage.head.max-age (2 h by default), are in "
    "the log\n"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--command", dest="sql", metavar="SQL", help="statements to run")
    parser.add_argument(
        "--format", choices=FORMATS, default="table", help="of results. Default: %(default)s."
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    for name in FLAGS:
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Run the statements, or a shell; the exit code."""
    given = {name: value for name, value in vars(options).items() if name in settings()}
    try:
        config = load(Path(options.config) if options.config else None, given)
    except ConfigError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE

    import duckdb

    from receiver.sql.shell import HELP as SHELL_HELP
    from receiver.sql.shell import run_shell, run_statements
    from storage.errors import FormatError
    from storage.sql.listing import read_listing
    from storage.sql.views import connect

    storage = config.storage
    try:
        listing = read_listing(Path(storage.path))
        connection = connect(
            listing, memory_bytes=storage.duckdb_memory_bytes, threads=storage.duckdb_threads
        )
        sys.stderr.write(f"{len(listing.segments)} segments; {HEAD_NOTE}")
        if options.sql is not None:
            run_statements(connection, options.sql, options.format, sys.stdout)
        else:
            sys.stderr.write(SHELL_HELP)
            run_shell(connection, options.format, sys.stdout)
    except (FormatError, duckdb.Error) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    return EXIT_OK
