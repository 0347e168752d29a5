"""`cupola rules history` and `undo`: who changed the configured rules of a server, and back."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rules.command import Verbs

HISTORY, UNDO = VERBS = ("history", "undo")
EXIT_OK, EXIT_FAILURE = 0, 1
DEFAULT_URL, DEFAULT_TENANT_HEADER = "http://127.0.0.1:9009", "X-Scope-OrgID"
TABLE, JSON = FORMATS = ("table", "json")
TIMEOUT_S = 60.0
COLUMNS = ("change", "time", "author", "action", "namespace", "group", "undoes")


def add_verbs(verbs: Verbs) -> None:
    listing = verbs.add_parser(
        HISTORY, help="list who changed the configured rules of a server", allow_abbrev=False
    )
    listing.add_argument("--namespace", default="", metavar="NAME", help="changes of one namespace")
    listing.add_argument("--group", default="", metavar="NAME", help="changes of groups of a name")
    listing.add_argument("--limit", default="", metavar="N", help="how many. Default: 100.")
    listing.add_argument("--before", default="", metavar="CHANGE", help="those before a change")
    listing.add_argument("--diff", action="store_true", help="also what was changed")
    listing.add_argument("--format", choices=FORMATS, default=TABLE, help="Default: %(default)s.")
    undoing = verbs.add_parser(
        UNDO, help="undo a change of the configured rules of a server", allow_abbrev=False
    )
    undoing.add_argument("change", metavar="CHANGE", help="its number")
    undoing.add_argument(
        "--force", action="store_true", help="also if the group was changed again since"
    )
    for parser in (listing, undoing):
        add_server(parser)


def add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default=DEFAULT_URL, metavar="URL", help="server to ask. Default: %(default)s."
    )
    parser.add_argument(
        "--url-header", metavar="NAME:VALUE", action="append", default=[],
        help="header of requests, such as Authorization; may be repeated",
    )  # fmt: skip
    parser.add_argument("--tenant", metavar="NAME", help="tenant whose rules they are")
    parser.add_argument(
        "--tenant-header", metavar="NAME", default=DEFAULT_TENANT_HEADER,
        help="header that names the tenant. Default: %(default)s.",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run a verb; the exit code."""
    from receiver.querying.question import QueryFailed

    try:
        changes = ask(options)
    except (QueryFailed, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    sys.stdout.writelines(shown(changes, options))
    return EXIT_OK


def ask(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The changes that were asked for, or that were made to undo one. Raises QueryFailed, or
    ValueError for flags."""
    from urllib.error import HTTPError
    from urllib.parse import urlencode
    from urllib.request import Request

    import orjson

    from receiver.importing.command import parse_header
    from receiver.querying.question import QueryFailed
    from receiver.querying.remote import endpoint, refused, sent

    headers = dict(parse_header(text, "--url-header") for text in options.url_header)
    if options.tenant:
        headers[options.tenant_header] = options.tenant
    params = urlencode({name: text for name, text in params_of(options).items() if text})
    if options.verb == UNDO:
        request = Request(endpoint(options.url, "rules/undo"), params.encode(), headers)
    else:
        request = Request(f"{endpoint(options.url, 'rules/changes')}?{params}", headers=headers)
    try:
        body = sent(request, TIMEOUT_S).body
        return list(orjson.loads(body)["data"]["changes"])
    except HTTPError as error:
        raise refused(error) from None
    except (ValueError, KeyError, TypeError) as error:
        raise QueryFailed("bad_response", f"no list of changes: {error!r}") from None


def params_of(options: argparse.Namespace) -> dict[str, str]:
    if options.verb == UNDO:
        return {"change": options.change, "force": "true" if options.force else ""}
    return {name: getattr(options, name) for name in ("namespace", "group", "limit", "before")}


def shown(changes: Sequence[Mapping[str, Any]], options: argparse.Namespace) -> Iterator[str]:
    """The lines of the answer."""
    if options.verb == HISTORY and options.format == JSON:
        import orjson

        yield orjson.dumps(changes, option=orjson.OPT_INDENT_2).decode() + "\n"
        return
    rows = [COLUMNS, *(row_of(change) for change in changes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    contents = {change["change"]: change["content"] for change in changes}
    for number, row in enumerate(rows):
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip() + "\n"
        if number and options.verb == HISTORY and options.diff:
            yield from diff_lines(changes[number - 1], contents)


def row_of(change: Mapping[str, Any]) -> tuple[str, ...]:
    time = datetime.fromtimestamp(change["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    texts = {**change, "time": time, "author": change["author"] or "-"}
    texts["undoes"] = change["undoes"] or ""
    return tuple(str(texts[column]) for column in COLUMNS)


def diff_lines(change: Mapping[str, Any], contents: Mapping[int, str | None]) -> Iterator[str]:
    """What a change did to its group; against nothing where the change before is not listed."""
    before, after = (contents.get(change["previous"]) or "", change["content"] or "")
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    for line in list(found)[2:]:
        yield f"    {line}\n"
