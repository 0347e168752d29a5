"""`cupola query`: PromQL on a data directory, or asked of a server."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from receiver.importing.command import DEFAULT_TENANT_HEADER, parse_header
from receiver.querying.question import INSTANT, RANGE, QueryFailed, Question
from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import BUCKET_FLAGS, add_flag

if TYPE_CHECKING:
    from api.promql.vectors.value import Result

HELP = "evaluate PromQL on a data directory, or ask a server"
DESCRIPTION = """\
Evaluate a PromQL expression: on a data directory, which is only read, also beside a running
server, or by any server with Prometheus' API. With --start, --end or --step it is a range
query, else an instant one. The exit code is 1 if the query fails.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
TABLE, JSON, CSV, ARROW = FORMATS = ("table", "json", "csv", "arrow")
FLAGS = (
    "storage.path",
    "storage.retention",
    "storage.segment-cache.max-bytes",
    "storage.select.max-series",
    "storage.select.max-samples",
    "dedup.replica-labels",
    "dedup.algorithm",
    "query.max-samples",
    "query.max-steps",
    "query.timeout",
    "query.lookback-delta",
)
# As promtool: what a range is where it is not said, and how many steps it has at most.
RANGE_S, PLOT_RANGE_S, STEPS = 300, 3600, 250
# What the API calls the flags of one query.
PARAMETERS = {
    "time": "time", "start": "start", "end": "end", "step": "step", "lookback": "lookback_delta",
    "dedup": "dedup", "limit": "limit", "timeout": "timeout",
    "max_source_resolution": "max_source_resolution",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("expression", metavar="EXPR", help="the expression")
    parser.add_argument("--url", metavar="URL", help="server that is asked")
    parser.add_argument(
        "--url-header", metavar="NAME:VALUE", action="append", default=[],
        help="header for --url; may be repeated",
    )  # fmt: skip
    parser.add_argument("--time", metavar="TIME", help="of an instant query. Default: now.")
    parser.add_argument(
        "--start", metavar="TIME", help="first time of a range. Default: 5 minutes before the end."
    )
    parser.add_argument("--end", metavar="TIME", help="last time of a range. Default: now.")
    parser.add_argument("--step", metavar="DURATION", help="of a range. Default: for 250 steps.")
    parser.add_argument("--tenant", metavar="NAME", help="tenant, or several with | between them")
    parser.add_argument(
        "--tenant-header", metavar="NAME", default=DEFAULT_TENANT_HEADER,
        help="header that names the tenant to --url. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--dedup", metavar="true|false|ALGORITHM", help="whether and how replicas are made one"
    )
    parser.add_argument("--lookback", metavar="DURATION", help="how far selectors look back")
    parser.add_argument(
        "--max-source-resolution", metavar="DURATION|auto",
        help="how coarse downsampled data may be. Default: raw samples only.",
    )  # fmt: skip
    parser.add_argument("--limit", metavar="N", help="series that are shown at most")
    parser.add_argument("--timeout", metavar="DURATION", help="of the query")
    parser.add_argument(
        "--format", choices=FORMATS, default=TABLE, help="of the result. Default: %(default)s."
    )
    parser.add_argument(
        "--plot", action="store_true", help="draw a range, of an hour unless that is said"
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    for name in (*FLAGS, *BUCKET_FLAGS):
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Evaluate, and write the result; the exit code."""
    from storage.errors import StorageError

    given = {name: value for name, value in vars(options).items() if name in settings()}
    try:
        check(options, given)
        config = configured(options, given)
        question = question_of(options)
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    try:
        answer(options, config, question)
    except QueryFailed as error:
        sys.stderr.write(f"query error: {error}\n")
        return EXIT_FAILURE
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except (ConfigError, StorageError, OSError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    return EXIT_OK


def check(options: argparse.Namespace, given: dict[str, object]) -> None:
    """Raise ValueError if the flags do not go together."""
    if options.url and (given or options.config):
        raise ValueError("--url asks a server, which has settings of its own")
    if options.time is not None and is_range(options):
        raise ValueError("--time is of an instant query; a range has --start, --end and --step")
    if options.plot and options.format != TABLE:
        raise ValueError(f"--plot draws; it has no --format={options.format}")
    if options.format == ARROW and sys.stdout.isatty():
        raise ValueError("--format=arrow is no text; send it to a file or to a program")


def configured(options: argparse.Namespace, given: dict[str, object]) -> Config:
    """The settings. Without a file the retention is not known, so nothing is past it."""
    if not options.config:
        given = {"storage.retention": "0", **given}
    return load(Path(options.config) if options.config else None, given)


def is_range(options: argparse.Namespace) -> bool:
    times = (options.start, options.end, options.step)
    return bool(options.plot or any(text is not None for text in times))


def question_of(options: argparse.Namespace) -> Question:
    """Raises ValueError."""
    params: dict[str, str | list[str]] = {"query": options.expression}
    for flag, name in PARAMETERS.items():
        if vars(options)[flag] is not None:
            params[name] = vars(options)[flag]
    if is_range(options):
        params |= range_of(options)
    headers = dict(parse_header(text, "--url-header") for text in options.url_header)
    if options.tenant and options.url:
        headers[options.tenant_header] = options.tenant
    asked = {"tenant": options.tenant} if options.tenant else {}
    endpoint = RANGE if is_range(options) else INSTANT
    return Question(endpoint, params, headers=headers, **asked)


def range_of(options: argparse.Namespace) -> dict[str, str]:
    """The times of a range, with what is usual where they are not said. Raises ValueError."""
    from api.times import parse_time_ms

    end_ms = time.time_ns() // 1_000_000 if options.end is None else parse_time_ms(options.end)
    length_ms = 1000 * (PLOT_RANGE_S if options.plot else RANGE_S)
    start_ms = end_ms - length_ms if options.start is None else parse_time_ms(options.start)
    step = options.step or str(max(1, (end_ms - start_ms) // 1000 // STEPS))
    return {"start": f"{start_ms / 1000:.3f}", "end": f"{end_ms / 1000:.3f}", "step": step}


def answer(options: argparse.Namespace, config: Config, question: Question) -> None:
    """Raises QueryFailed, StorageError."""
    from api.answers.accept import Form
    from receiver.querying import output
    from receiver.querying.remote import result_of

    form = {JSON: Form.JSON, ARROW: Form.ARROW}.get(options.format, Form.CSV)
    if options.plot:
        form = Form.JSON
    limit = 0
    if options.url:
        sent = asked_of(options, config, question, form)
        if not options.plot and sent.form is form:
            write_as_sent(options, sent.body)
            return
        result = result_of(sent.body, question)
    else:
        from receiver.querying.local import evaluate

        result, params = evaluate(config, question)
        limit = params.limit
    if options.plot:
        draw(result, question)
    elif options.format == TABLE:
        output.write_rows(result, sys.stdout, limit=limit)
    else:
        output.write_result(result, form, sys.stdout.buffer, limit=limit)
    output.write_notes(result.warnings, result.infos, sys.stderr)


def asked_of(options: argparse.Namespace, config: Config, question: Question, form: Any) -> Any:
    from receiver.querying.remote import ask

    return ask(options.url, question, form, timeout_s=config.query.timeout_ms / 1000)


def write_as_sent(options: argparse.Namespace, body: bytes) -> None:
    """What a server sent in the wanted form."""
    from receiver.querying.output import write_csv_as_table

    if options.format == TABLE:
        write_csv_as_table([body], sys.stdout)
        return
    sys.stdout.buffer.write(body)
    if options.format == JSON and not body.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def draw(result: "Result", question: Question) -> None:
    from api.forms import Params
    from api.params import range_params
    from receiver.querying import output

    times = range_params(Params.parse(question.form, fields_max=len(question.params)))
    terminal = output.Terminal.of(sys.stdout, no_color="NO_COLOR" in os.environ)
    output.write_plot(result, (times.start_ms, times.end_ms), times.step_ms, terminal)
