"""`cupola thanos-bucket`: list, verify and serve the blocks of a bucket of Thanos, in place."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from receiver.gateway.flags import add_flags, configured, given_by
from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import add_flag

if TYPE_CHECKING:
    from receiver.stores.bucket.view import BucketView
    from storage.labels.matchers import Matcher

HELP = "list, verify or serve the blocks of a bucket of Thanos"
DESCRIPTION = """\
Read the blocks of a bucket of Thanos in place; nothing is written there.

list      which blocks there are, and which of them queries see
verify    read all of them: checksums, order, times, numbers
serve     answer queries over them, by the query API and by Thanos' StoreAPI

`cupola serve --stores.thanos-bucket=FILE` shows them with what a server has itself, and
`cupola import --bucket=FILE` brings them in.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
LIST, VERIFY, SERVE = "list", "verify", "serve"
BUCKET_FLAGS = ("objstore.request-timeout", "objstore.max-tries", "objstore.max-requests")
SERVE_FLAGS = (
    "stores.thanos-bucket-interval",
    "stores.thanos-bucket-deletion-delay",
    "stores.thanos-bucket-cache-size",
    "stores.thanos-bucket-index-cache-size",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="bucket_command", required=True, metavar="COMMAND")
    about = {
        LIST: "which blocks there are",
        VERIFY: "read all of each block",
        SERVE: "answer queries over them",
    }
    for name, text in about.items():
        inner = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        inner.add_argument(
            "--objstore.config-file", dest="bucket", metavar="FILE", required=True,
            help="Thanos' objstore.yml, which names the bucket",
        )  # fmt: skip
        inner.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
        for flag in BUCKET_FLAGS:
            add_flag(inner, settings()[flag])
        if name == SERVE:
            add_flags(inner, SERVE_FLAGS)
            continue
        inner.add_argument(
            "--match", metavar="SELECTOR",
            help='blocks whose external labels pass, such as {cluster="eu"}. Default: all',
        )  # fmt: skip
        if name == LIST:
            inner.add_argument(
                "--format", choices=("table", "json"), default="table",
                help="how they are listed. Default: %(default)s.",
            )  # fmt: skip
        else:
            inner.add_argument(
                "--id", metavar="ULID", action="append", default=[],
                help="a block to verify; may be repeated. Default: all that queries see",
            )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """The exit code."""
    from storage.errors import StoreFailed

    given = given_by(options)
    try:
        if options.bucket_command == SERVE:
            return serve(options, given)
        config = load(path_of(options), {**given, "stores.thanos-bucket": options.bucket})
        with listed(config) as view:
            if options.bucket_command == LIST:
                return show(options, view)
            return verify(options, view)
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except (StoreFailed, OSError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE


def path_of(options: argparse.Namespace) -> Path | None:
    return Path(options.config) if options.config else None


@contextmanager
def listed(config: Config) -> Iterator["BucketView"]:
    """The blocks as the bucket lists them now. Raises ConfigError, StoreFailed."""
    from prometheus_client import CollectorRegistry

    from receiver.stores.bucket.setup import views_of
    from storage.errors import StoreFailed

    views = views_of(config.stores, config.objstore, CollectorRegistry())
    if len(views) != 1:
        raise ConfigError(f"--objstore.config-file: got {len(views)} files; allowed is 1")
    (view,) = views
    try:
        view.refresh()
        if view.error:
            raise StoreFailed(view.error)
        yield view
    finally:
        view.store.close()


def matchers_of(options: argparse.Namespace) -> "tuple[Matcher, ...]":
    """Raises ValueError."""
    from receiver.selector import parse_selector

    if not options.match:
        return ()
    try:
        return parse_selector(options.match)
    except ValueError as error:
        raise ValueError(f"--match: {error}") from None


def show(options: argparse.Namespace, view: "BucketView") -> int:
    from receiver.stores.bucket.listing import documents, lines_of, table

    lines = lines_of(view, matchers_of(options))
    if options.format == "json":
        sys.stdout.write(json.dumps(documents(lines), indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in table(lines)))
    return EXIT_OK


def verify(options: argparse.Namespace, view: "BucketView") -> int:
    """Read blocks as a whole; EXIT_FAILURE if one is damaged, or cannot be read at all."""
    from receiver.stores.bucket.block import KnownBlock
    from receiver.stores.bucket.listing import UNREADABLE, USED, lines_of
    from receiver.stores.bucket.verifying import verify_all

    lines = lines_of(view, matchers_of(options))
    if options.id:
        unknown = sorted(set(options.id) - {line.ulid for line in lines})
        if unknown:
            raise ValueError(f"--id: the bucket has no block {', '.join(unknown)}")
        lines = [line for line in lines if line.ulid in options.id]
    else:
        lines = [line for line in lines if line.state in (USED, UNREADABLE)]
    blocks, wrong = [], 0
    for line in lines:
        found = view.described.get(line.ulid)
        if found is None or found.meta is None:
            write_line(f"{line.ulid}  DAMAGED  {line.problem or line.state}")
            wrong += 1
            continue
        if found.problem:
            write_line(f"{line.ulid}  {found.problem}")
        blocks.append((KnownBlock(found.meta, found.sizes), found.facts))
    wrong += verify_all(blocks, view.kept, write_line)
    write_line(f"blocks={len(lines)} damaged={wrong}")
    return EXIT_FAILURE if wrong else EXIT_OK


def serve(options: argparse.Namespace, given: dict[str, object]) -> int:
    """Answer queries until a signal ends the program. Raises ConfigError."""
    from receiver.gateway.bucket import make
    from receiver.gateway.program import serve as serve_until_stopped
    from receiver.logs import set_up_logging

    config = configured(options.config, {**given, "stores.thanos-bucket": options.bucket})
    set_up_logging(config.program.log_level, config.program.log_format)
    return serve_until_stopped(config, make)


def write_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
