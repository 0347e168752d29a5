"""`cupola rules replay`: its flags, and where it is replayed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from receiver.importing.command import DEFAULT_TENANT_HEADER, parse_header
from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import add_flag
from rules.command import Verbs, add_features

if TYPE_CHECKING:
    from api.promql.features import Features
    from receiver.replaying.wishes import Wishes
    from rules.groups import Group
    from rules.replay.run import Watching

VERB = "replay"
DESCRIPTION = """\
Evaluate rules over what is stored, at their own interval, as if they had been there: which alerts
would have been pending, firing and resolved, and what would have been recorded. The data directory
is only read, also beside a running server, unless --write is given.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
TABLE, JSON = FORMATS = ("table", "json")
FLAGS = (
    "storage.path",
    "storage.retention",
    "storage.segment-cache.max-bytes",
    "storage.select.max-series",
    "storage.select.max-samples",
    "dedup.replica-labels",
    "dedup.algorithm",
    "query.max-samples",
    "query.lookback-delta",
    "rules.replay.max-rules",
    "rules.replay.max-evaluations",
    "rules.replay.max-queries",
    "rules.replay.max-samples",
    "rules.replay.max-changes",
    "rules.replay.timeout",
)
PROGRESS_SECONDS = 2.0
# For a server to answer: longer than it takes by itself.
REMOTE_SECONDS = 3600.0


def add_verb(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        VERB,
        help="evaluate rules over what is stored",
        description=DESCRIPTION,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--url", metavar="URL", help="server that replays them, a file at a time")
    parser.add_argument(
        "--url-header", metavar="NAME:VALUE", action="append", default=[],
        help="header for --url; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--tenant-header", metavar="NAME", default=DEFAULT_TENANT_HEADER,
        help="header that names the tenant to --url. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--start", default="", metavar="TIME", help="of the first evaluation. Default: a day before"
    )
    parser.add_argument("--end", default="", metavar="TIME", help="of the last one. Default: now.")
    parser.add_argument("--tenant", metavar="NAME", help="tenant, or several with | between them")
    parser.add_argument(
        "--interval", default="", metavar="DURATION", help="of groups that state none. Default: 1m."
    )
    parser.add_argument(
        "--query-offset", default="", metavar="DURATION", help="of groups that state none"
    )
    parser.add_argument(
        "--phase", action="append", default=[], metavar="GROUP=TIME",
        help="a time at which a group is evaluated; may be repeated. Default: as in a server.",
    )  # fmt: skip
    parser.add_argument(
        "--external-label", action="append", default=[], metavar="NAME=VALUE",
        help="for templates; may be repeated",
    )  # fmt: skip
    parser.add_argument("--external-url", default="", metavar="URL", help="for templates")
    parser.add_argument(
        "--write", action="store_true",
        help="store what was recorded; without --url no server may run on the data directory",
    )  # fmt: skip
    parser.add_argument(
        "--write-alerts", action="store_true", help="store ALERTS and ALERTS_FOR_STATE, too"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default=TABLE, help="of the report. Default: %(default)s."
    )
    parser.add_argument(
        "--ignore-unknown-fields", action="store_true", help="fields of other rulers are no errors"
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    add_features(parser)
    for name in FLAGS:
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Replay, and report; the exit code."""
    from receiver.importing.errors import TargetError
    from receiver.querying.question import QueryFailed
    from rules.errors import RulesError
    from storage.errors import StorageError

    try:
        given = {name: value for name, value in vars(options).items() if name in settings()}
        if options.url:
            check_remote(options, given)
            return replay_remotely(options)
        return replay(options, configured(options, given))
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except (RulesError, StorageError, TargetError, QueryFailed, OSError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE


def configured(options: argparse.Namespace, given: dict[str, object]) -> Config:
    """The settings. Without a file the retention is not known, so nothing is past it."""
    if not options.config:
        given = {"storage.retention": "0", **given}
    return load(Path(options.config) if options.config else None, given)


def replay(options: argparse.Namespace, config: Config) -> int:
    """Raises ValueError, ConfigError, RulesError, StorageError, TargetError."""
    from api.promql.engine import Engine
    from receiver.replaying.local import replayed, write
    from rules.replay.report import document_of
    from rules.replay.run import Wanted
    from rules.replay.slots import Period

    tenants = tenants_of(options)
    features = features_of(options)
    groups = groups_of(options, features)
    wishes = wishes_of(options)
    period = wishes.period(time.time_ns() // 1_000_000, tenants[0], Period(0, 0))
    wanted = Wanted(groups, period, wishes.around(), config.replay)
    engine = Engine(config.query, features)
    try:
        outcome = replayed(engine, config, tenants, wanted, watching())
    finally:
        engine.close()
    document = document_of(outcome)
    show(options, document)
    if options.write or options.write_alerts:
        written, report = write(config, tenants[0], outcome, with_alerts=options.write_alerts)
        sys.stderr.write(f"written: {written:,} samples, stale markers included\n")
        sys.stderr.writelines(f"{line}\n" for line in report.lines("written"))
    return EXIT_OK


def check_remote(options: argparse.Namespace, given: dict[str, object]) -> None:
    """Raise ValueError if the flags do not go together."""
    if given or options.config or options.enable_feature or options.ignore_unknown_fields:
        raise ValueError("--url asks a server, which has settings of its own")


def replay_remotely(options: argparse.Namespace) -> int:
    """Raises ValueError, QueryFailed, OSError."""
    from receiver.replaying.remote import replayed

    headers = dict(parse_header(text, "--url-header") for text in options.url_header)
    if options.tenant:
        headers[options.tenant_header] = options.tenant
    for path in options.files:
        wishes = replace(wishes_of(options), file=path)
        content = Path(path).read_bytes()
        document = replayed(options.url, content, wishes, headers, timeout_s=REMOTE_SECONDS)
        show(options, document)
        if "written" in document:
            show_written(document["written"])
    return EXIT_OK


def tenants_of(options: argparse.Namespace) -> list[str]:
    from storage.tenants.tenant import DEFAULT_TENANT, parse_tenant

    names = (options.tenant or DEFAULT_TENANT).split("|")
    if len(names) > 1 and (options.write or options.write_alerts):
        raise ValueError("--write stores for one tenant, and several were named")
    return [parse_tenant(name) for name in names]


def features_of(options: argparse.Namespace) -> Features:
    from api.promql.features import parse_features

    return parse_features(
        [name for names in options.enable_feature for name in names.split(",") if name]
    )


def groups_of(options: argparse.Namespace, features: Features) -> list[Group]:
    """The groups of all files. Raises RulesError with all that is wrong."""
    from rules.errors import RulesError
    from rules.files.loader import load_file

    groups: list[Group] = []
    errors: list[str] = []
    for path in options.files:
        loaded = load_file(
            Path(path), features, ignores_unknown=options.ignore_unknown_fields, is_extended=True
        )
        groups += loaded.groups
        errors += loaded.errors
    if errors:
        raise RulesError("\n".join(errors))
    return groups


def wishes_of(options: argparse.Namespace) -> Wishes:
    from receiver.replaying.wishes import Wishes

    return Wishes(
        start=options.start,
        end=options.end,
        interval=options.interval,
        query_offset=options.query_offset,
        external_url=options.external_url,
        phases=options.phase,
        external_labels=options.external_label,
        write=options.write,
        write_alerts=options.write_alerts,
    )


def watching() -> Watching:
    """Says how far it is, every now and then."""
    from rules.replay.run import Watching

    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            sys.stderr.write(f"replayed {done:,} of {total:,} evaluations\n")

    return Watching(report=report)


def show_written(written: dict[str, Any]) -> None:
    """What a server says of it."""
    sys.stderr.write(f"written: {written['samples']:,} samples, stale markers included\n")
    for refused in written["refused"]:
        sys.stderr.write(f"not written: {refused['samples']} samples, {refused['error']}\n")


def show(options: argparse.Namespace, document: dict[str, Any]) -> None:
    import orjson

    from rules.replay.tables import lines

    if options.format == JSON:
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
        return
    for line in lines(document):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
