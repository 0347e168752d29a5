"""`cupola import`: its flags, and which source and target they mean."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import BUCKET_FLAGS, add_flag, add_storage_flags

if TYPE_CHECKING:
    from receiver.importing.parts import Report, Source, Span
    from receiver.importing.targets import Target

HELP = "read samples of other programs into a data directory or a server"
DESCRIPTION = """\
Read samples of other programs into a data directory or a server.

A source is a block of Prometheus or Thanos, a directory of such blocks, a bucket of
Thanos (--bucket), or a file of OpenMetrics, of Prometheus' text format or of
VictoriaMetrics' JSON lines, which may be compressed by gzip. What was done is
remembered in the state file: a broken import goes on where it ended, and importing
twice changes nothing. The exit code is 1 if anything could not be imported.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
DEFAULT_TENANT_HEADER = "X-Scope-OrgID"
STATE_FILE = "import-state.json"
FETCH_DIRECTORY = "import-fetched"
OPENMETRICS, PROMETHEUS, JSON_LINES = FORMATS = ("openmetrics", "prometheus", "jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="what is read")
    parser.add_argument("--to", metavar="URL", help="server that is written to by remote write")
    parser.add_argument("--tenant", metavar="NAME", help="tenant of all samples")
    parser.add_argument(
        "--tenant-header",
        metavar="NAME",
        default=DEFAULT_TENANT_HEADER,
        help="header that names the tenant to the server. Default: %(default)s.",
    )
    parser.add_argument(
        "--header", metavar="NAME:VALUE", action="append", default=[],
        help="header for the server, such as Authorization; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=FORMATS,
        help="format of files; by default it is told from their beginning and end",
    )  # fmt: skip
    parser.add_argument(
        "--bucket", metavar="FILE",
        help="objstore.yml of a bucket of Thanos, whose raw blocks are read, one after the other",
    )  # fmt: skip
    parser.add_argument(
        "--fetch-directory", metavar="DIR",
        help="where the files of a block of --bucket are while it is read, in a folder "
        f"{FETCH_DIRECTORY}. Default: that of the state file",
    )  # fmt: skip
    parser.add_argument(
        "--url", metavar="URL", help="Prometheus that is read by remote read, from --start on"
    )
    parser.add_argument(
        "--match", metavar="SELECTOR", action="append", default=[],
        help="series that are read from --url; may be repeated. Default: all",
    )  # fmt: skip
    parser.add_argument(
        "--url-header", metavar="NAME:VALUE", action="append", default=[],
        help="header for --url; may be repeated",
    )  # fmt: skip
    for name in ("start", "end"):
        parser.add_argument(
            f"--{name}", metavar="TIME", help=f"{name} of the times that are read, inclusive: RFC "
            "3339, or seconds since 1970",
        )  # fmt: skip
    parser.add_argument(
        "--state", metavar="FILE",
        help=f"file that remembers what is done. Default: {STATE_FILE} in the data directory, or, "
        "with --to, in the working directory.",
    )  # fmt: skip
    add_storage_flags(parser)
    for name in BUCKET_FLAGS:
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Import, and say what came of it; the exit code."""
    from receiver.importing.errors import ImportFailed
    from receiver.importing.parts import Report

    given = {name: value for name, value in vars(options).items() if name in settings()}
    report = Report()
    try:
        check(options, given)
        config = load(Path(options.config) if options.config else None, given)
        completed = asyncio.run(run_all(options, config, report))
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except ImportFailed as error:
        report_lines(report)
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    report_lines(report)
    return EXIT_OK if completed and not report.losses else EXIT_FAILURE


def check(options: argparse.Namespace, given: dict[str, object]) -> None:
    """Raise ValueError if the flags do not go together."""
    if not (options.sources or options.url or options.bucket):
        raise ValueError("what is to be imported? name a SOURCE, --bucket or --url")
    if options.url and options.start is None:
        raise ValueError("from when on is --url to be read? name a time by --start")
    if options.to and "storage.path" in given:
        raise ValueError("--to and --storage.path exclude each other: where to import to?")
    if not options.to and not options.config and "storage.path" not in given:
        raise ValueError("where to import to? name a directory by --storage.path, or --to URL")


async def run_all(options: argparse.Namespace, config: Config, report: "Report") -> bool:
    """Import one source after the other; whether all went through."""
    from receiver.importing.run import Progress, Run
    from receiver.importing.state import State

    sources = await asyncio.to_thread(sources_of, options, config, report)
    target = target_of(options, config, report)
    path = state_path(options, config)
    async with target:
        for source in sources:
            write_line(f"importing {source.name} to {target.name}")
            progress = Progress(write_line)
            key = f"{source.name} to {target.name}, tenant {options.tenant or ''}"
            await Run(source, target, State(path, key), progress).run()
            write_line(f"imported {progress.line()}")
    return True


def sources_of(options: argparse.Namespace, config: Config, report: "Report") -> Sequence["Source"]:
    from receiver.importing.blocks import directory_source
    from receiver.importing.errors import SourceError

    span = span_of(options)
    sources: list[Source] = []
    if options.url:
        sources.append(remote_source(options, report, span))
    if options.bucket:
        sources.append(bucket_of(options, config, report, span))
    for path in map(Path, options.sources):
        if not path.exists():
            raise SourceError(f"{path} does not exist")
        if path.is_dir():
            sources.append(directory_source(path, report, span))
        else:
            sources.append(file_source(path, options.format, report, span))
    return sources


def bucket_of(
    options: argparse.Namespace, config: Config, report: "Report", span: "Span"
) -> "Source":
    """The blocks of --bucket. Raises ValueError if its file is wrong."""
    from prometheus_client import CollectorRegistry

    from receiver.importing.bucket import bucket_source
    from storage.errors import StoreConfigError
    from storage.objects.config import read_config
    from storage.objects.metrics import ObjectMetrics
    from storage.objects.store import open_store

    metrics = ObjectMetrics(CollectorRegistry())
    try:
        store = open_store(read_config(Path(options.bucket)), config.objstore, metrics)
    except StoreConfigError as error:
        raise ValueError(f"--bucket: {error}") from error
    parent = Path(options.fetch_directory or state_path(options, config).parent)
    return bucket_source(store, parent / FETCH_DIRECTORY, report, span)


def remote_source(options: argparse.Namespace, report: "Report", span: "Span") -> "Source":
    """Remote read of --url; without an end, up to now."""
    from receiver.importing.remote_read import RemoteReadSource, until_now
    from receiver.selector import parse_selector

    texts = options.match or ['{__name__!=""}']
    try:
        matchers = [parse_selector(text) for text in texts]
    except ValueError as error:
        raise ValueError(f"--match: {error}") from None
    headers = dict(parse_header(text, "--url-header") for text in options.url_header)
    url = read_endpoint(options.url)
    return RemoteReadSource(url, matchers, until_now(span), report, headers=headers)


def file_source(path: Path, form: str | None, report: "Report", span: "Span") -> "Source":
    from receiver.importing.json_lines import JsonLinesSource
    from receiver.importing.text.source import TextSource, form_of

    form = form or form_of(path)
    if form == JSON_LINES:
        return JsonLinesSource(path, report, span)
    return TextSource(path, report, span, openmetrics=form == OPENMETRICS)


def target_of(options: argparse.Namespace, config: Config, report: "Report") -> "Target":
    from receiver.importing.targets import DatabaseTarget, ServerTarget
    from storage.tenants.tenant import DEFAULT_TENANT, parse_tenant

    if not options.to:
        tenant = parse_tenant(options.tenant) if options.tenant else DEFAULT_TENANT
        return DatabaseTarget(config, tenant, report)
    headers = dict(parse_header(text) for text in options.header)
    if options.tenant:
        headers[options.tenant_header] = options.tenant
    return ServerTarget(endpoint(options.to, "--to", "/api/v1/write"), headers, report)


def state_path(options: argparse.Namespace, config: Config) -> Path:
    if options.state:
        return Path(options.state)
    return Path(STATE_FILE) if options.to else Path(config.storage.path) / STATE_FILE


def endpoint(url: str, flag: str, path: str) -> str:
    """An address on a server, which may be named without a path."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            f"{flag}: got {url!r}; allowed is http://HOST:PORT, with or without a path"
        )
    return url if parts.path not in ("", "/") else parts._replace(path=path).geturl()


def read_endpoint(url: str) -> str:
    """Where remote read is; of another Cupola, replicas apart unless the address says otherwise."""
    address = endpoint(url, "--url", "/api/v1/read")
    return address if "?" in address else f"{address}?dedup=false"


def parse_header(text: str, flag: str = "--header") -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"{flag}: got {text!r}; allowed is NAME:VALUE")
    return name.strip(), value.strip()


def span_of(options: argparse.Namespace) -> "Span":
    from receiver.importing.parts import ALWAYS, Span

    start = ALWAYS.start_ms if options.start is None else parse_time(options.start, "--start")
    end = ALWAYS.end_ms if options.end is None else parse_time(options.end, "--end")
    if start > end:
        raise ValueError(f"--start {options.start} is after --end {options.end}")
    return Span(start, end)


def parse_time(text: str, flag: str) -> int:
    """A time in ms. Raises ValueError."""
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{flag}: got {text!r}; allowed is RFC 3339 or seconds since 1970"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def report_lines(report: "Report") -> None:
    for line in report.lines():
        sys.stderr.write(f"{line}\n")


def write_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
