"""`cupola sql`: SQL over a data directory, read-only, also beside a running server."""

import argparse
import sys
import tempfile
from pathlib import Path

from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import BUCKET_FLAGS, add_flag

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
    for name in (*FLAGS, *BUCKET_FLAGS):
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Run the statements, or a shell; the exit code."""
    given = {name: value for name, value in vars(options).items() if name in settings()}
    try:
        config = load(Path(options.config) if options.config else None, given)
    except ConfigError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE

    from storage.errors import StorageError

    try:
        ask(config, options)
    except ConfigError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except (StorageError, OSError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    return EXIT_OK


def ask(config: Config, options: argparse.Namespace) -> None:
    """Raises StorageError, also for a statement that fails, and ConfigError."""
    import duckdb

    from receiver.settings.bucket import reading_bucket
    from receiver.sql.shell import HELP as SHELL_HELP
    from receiver.sql.shell import run_shell, run_statements
    from storage.bucket.attached import looked_at
    from storage.errors import StorageError
    from storage.sql.session import Session
    from storage.sql.views import open_duckdb

    storage, data = config.storage, Path(config.storage.path)
    connection = open_duckdb(
        memory_bytes=storage.duckdb_memory_bytes, threads=storage.duckdb_threads
    )
    with tempfile.TemporaryDirectory(prefix="cupola-") as cache, reading_bucket(config) as bucket:
        try:
            attached = looked_at(bucket, data, Path(cache) / "remote")
            session = Session(connection, data, attached, warn)
            sys.stderr.write(f"{len(session.listing.segments)} segments; {HEAD_NOTE}")
            if options.sql is not None:
                run_statements(session, options.sql, options.format, sys.stdout)
            else:
                sys.stderr.write(SHELL_HELP)
                run_shell(session, options.format, sys.stdout)
        except duckdb.Error as error:
            raise StorageError(str(error)) from error
        finally:
            connection.close()


def warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")
