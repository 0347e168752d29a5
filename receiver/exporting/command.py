"""`cupola export`: its flags, and where samples come from and go to."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from receiver.importing.command import DEFAULT_TENANT_HEADER, parse_header, read_endpoint, span_of
from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import BUCKET_FLAGS, add_flag, add_storage_flags

if TYPE_CHECKING:
    from receiver.exporting.reading import Block
    from receiver.importing.parts import Report, Span
    from storage.labels.matchers import Matcher

    Selectors = list[tuple[Matcher, ...]]

HELP = "write a selection of raw samples as Parquet, Arrow, OpenMetrics or JSON lines"
DESCRIPTION = """\
Write a selection of raw samples, replicas apart, to a file: from a data directory, which
is only read, also beside a running server, or from a server that answers remote read. The
exit code is 1 if something could not be exported.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
FORMATS = ("parquet", "arrow", "openmetrics", "jsonl")
# Samples of a metric that are in memory at once.
SAMPLES_MAX = 20_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", help="server that is read by remote read")
    parser.add_argument(
        "--url-header", metavar="NAME:VALUE", action="append", default=[],
        help="header for --url; may be repeated",
    )  # fmt: skip
    parser.add_argument("--tenant", metavar="NAME", help="tenant whose samples they are")
    parser.add_argument(
        "--tenant-header", metavar="NAME", default=DEFAULT_TENANT_HEADER,
        help="header that names the tenant to --url. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--match", metavar="SELECTOR", action="append", default=[], required=True,
        help="series that are exported; may be repeated",
    )  # fmt: skip
    for name in ("start", "end"):
        parser.add_argument(
            f"--{name}", metavar="TIME", help=f"{name} of the times, inclusive: RFC 3339, or "
            "seconds since 1970",
        )  # fmt: skip
    parser.add_argument("--format", choices=FORMATS, required=True, help="of the file")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="- is the output")
    add_storage_flags(parser)
    for name in BUCKET_FLAGS:
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Export, and say what came of it; the exit code."""
    from receiver.importing.errors import ImportFailed
    from storage.errors import StorageError

    given = {name: value for name, value in vars(options).items() if name in settings()}
    try:
        check(options, given)
        config = load(Path(options.config) if options.config else None, given)
        count, report = export(options, config)
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except (ImportFailed, StorageError, OSError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    for line in report.lines("exported"):
        sys.stderr.write(f"{line}\n")
    sys.stderr.write(f"exported {count:,} samples\n")
    return EXIT_FAILURE if report.losses else EXIT_OK


def check(options: argparse.Namespace, given: dict[str, object]) -> None:
    """Raise ValueError if the flags do not go together."""
    if bool(options.url) == ("storage.path" in given or bool(options.config)):
        raise ValueError("where to export from? name a directory by --storage.path, or --url URL")
    if options.url and options.start is None:
        raise ValueError("from when on is --url to be read? name a time by --start")


def export(options: argparse.Namespace, config: Config) -> tuple[int, "Report"]:
    """Write the file; how many samples were read, and what came of it."""
    from receiver.importing.parts import Report
    from receiver.selector import parse_selector

    try:
        selectors = [parse_selector(text) for text in options.match]
    except ValueError as error:
        raise ValueError(f"--match: {error}") from None
    span = span_of(options)
    if options.url:
        report = Report()
        blocks = blocks_of_server(options, selectors, span, report)
        return write(options, blocks, report), report
    return export_directory(options, config, selectors, span)


def write(options: argparse.Namespace, blocks: Iterable["Block"], report: "Report") -> int:
    from receiver.exporting.writers import make_writer

    count = 0
    with opened(options.output) as out:
        writer = make_writer(options.format, out, report)
        for block in blocks:
            writer.write(block)
            count += len(block.samples)
        writer.close()
    return count


def blocks_of_server(
    options: argparse.Namespace, selectors: "Selectors", span: "Span", report: "Report"
) -> Iterator["Block"]:
    from receiver.exporting.reading import remote_blocks
    from receiver.importing.remote_read import RemoteReadSource, until_now

    headers = dict(parse_header(text, "--url-header") for text in options.url_header)
    if options.tenant:
        headers[options.tenant_header] = options.tenant
    url, span = read_endpoint(options.url), until_now(span)
    sources = [
        RemoteReadSource(url, [matchers], span, report, headers=headers) for matchers in selectors
    ]
    return remote_blocks(sources, selectors)


def export_directory(
    options: argparse.Namespace, config: Config, selectors: "Selectors", span: "Span"
) -> tuple[int, "Report"]:
    from receiver.exporting.reading import stored_blocks
    from receiver.importing.parts import Report
    from receiver.looking import ATTEMPTS, read_directory
    from storage.read_only import ReadOnlyDatabase
    from storage.tenants.tenant import DEFAULT_TENANT, parse_tenant

    path = Path(config.storage.path)
    if not path.is_dir():
        raise ValueError(f"{path} is no data directory (storage.path)")
    tenant = parse_tenant(options.tenant) if options.tenant else DEFAULT_TENANT
    limit = min(SAMPLES_MAX, config.storage.select_samples_max)
    config = replace(config, storage=replace(config.storage, select_samples_max=limit))

    def work(database: ReadOnlyDatabase) -> tuple[int, Report]:
        report = Report()
        querier = database.querier(tenant, replica_labels=(), dedup=False)
        return write(options, stored_blocks(querier, selectors, span), report), report

    # What is written to the standard output is written once.
    return read_directory(config, work, attempts=1 if options.output == "-" else ATTEMPTS)


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The file, which has its name once it is whole; or the standard output."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    temporary = Path(f"{path}.tmp")
    with temporary.open("wb") as file:
        yield file
    temporary.replace(path)
