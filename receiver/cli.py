"""The command line: serve, check-config, compile, man, completion, verify, and the subcommands of
other rooms.

Exit codes: 0 all went well, 1 it did not, 2 the command line or the configuration is wrong. The
flags are the settings, by the same names; nothing is imported that a command does not need.
"""

import argparse
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from receiver.logs import set_up_logging
from receiver.settings.config import Config, ConfigError, load, settings
from receiver.settings.flags import add_flag
from receiver.version import program_version

logger = logging.getLogger(__name__)

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
# Modules with the texts HELP and DESCRIPTION, with add_arguments(parser), and with run(options),
# which returns the exit code. They import what they need when they run.
SUBCOMMANDS = {
    "doctor": "receiver.doctor.command",
    "export": "receiver.exporting.command",
    "import": "receiver.importing.command",
    "query": "receiver.querying.command",
    "restore": "receiver.commands.restore",
    "retention": "receiver.commands.retention",
    "rules": "receiver.commands.rules",
    "sidecar": "receiver.sidecar.command",
    "snapshot": "receiver.commands.snapshot",
    "sql": "receiver.sql.command",
    "support-bundle": "receiver.doctor.bundle_command",
    "thanos-bucket": "receiver.commands.thanos_bucket",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Wrong arguments exit from here with 2."""
    options = make_parser().parse_args(arguments)
    if options.command == "check-config":
        return check_config(Path(options.file))
    if options.command == "compile":
        return compile_kernels(options)
    if options.command in ("man", "completion"):
        return describe(options)
    if options.command in SUBCOMMANDS:
        return int(importlib.import_module(SUBCOMMANDS[options.command]).run(options))
    if options.command == "verify":
        return verify(options)
    given = {name: value for name, value in vars(options).items() if name in settings()}
    return serve(Path(options.config) if options.config else None, given)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cupola",
        description="A Prometheus remote-write receiver with a global PromQL view.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cupola {program_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser(
        "serve", help="receive, store and answer queries", allow_abbrev=False
    )
    serving.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    for setting in settings().values():
        add_flag(serving, setting)
    checking = commands.add_parser(
        "check-config", help="say what is wrong with a configuration file", allow_abbrev=False
    )
    checking.add_argument("file", metavar="FILE")
    compiling = commands.add_parser(
        "compile", help="compile all kernels now, for all later starts", allow_abbrev=False
    )
    compiling.add_argument(
        "--processor",
        choices=("this", "any"),
        default="this",
        help="for this machine's, or for any of its kind, as images do. Default: %(default)s.",
    )
    compiling.add_argument(
        "--directory", metavar="DIR", help="where to keep them, instead of beside the program"
    )
    commands.add_parser("man", help="print the manual page, in troff", allow_abbrev=False)
    completing = commands.add_parser(
        "completion", help="print what completes commands in a shell", allow_abbrev=False
    )
    completing.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish")
    for name, module in SUBCOMMANDS.items():
        subcommand = importlib.import_module(module)
        subcommand.add_arguments(
            commands.add_parser(
                name,
                help=subcommand.HELP,
                description=subcommand.DESCRIPTION,
                allow_abbrev=False,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    verifying = commands.add_parser(
        "verify", help="compare all segments with their checksums", allow_abbrev=False
    )
    verifying.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    add_flag(verifying, settings()["storage.path"])
    return parser


def check_config(path: Path) -> int:
    """Say whether the file would be accepted."""
    from receiver.server import check

    try:
        check(load(path))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILURE
    sys.stdout.write(f"{path}: ok\n")
    return EXIT_OK


def describe(options: argparse.Namespace) -> int:
    """Print what the command line is: as a manual page, or for a shell."""
    from receiver.describing.commands import described
    from receiver.describing.completion import SHELLS
    from receiver.describing.man_page import man_page

    program = described(make_parser())
    is_page = options.command == "man"
    text = man_page(program, program_version()) if is_page else SHELLS[options.shell](program)
    sys.stdout.write(text)
    return EXIT_OK


def compile_kernels(options: argparse.Namespace) -> int:
    """Compile what a server would compile when it starts, and show how far that is."""
    # Read by numba when it is imported, here and in the processes that are started.
    if options.processor == "any":
        os.environ["NUMBA_CPU_NAME"] = "generic"
    if options.directory:
        os.environ["NUMBA_CACHE_DIR"] = os.path.abspath(options.directory)
    from receiver import warm_up

    is_terminal = sys.stdout.isatty()

    def report(done: int, total: int) -> None:
        # A line for each tenth where lines stay.
        if is_terminal or done * 10 // total > (done - 1) * 10 // total:
            start = "\r" if is_terminal else ""
            end = "" if is_terminal and done < total else "\n"
            sys.stdout.write(f"{start}compiling kernels: {done} of {total} steps{end}")
            sys.stdout.flush()

    return EXIT_OK if warm_up.compile_kernels(report) else EXIT_FAILURE


def verify(options: argparse.Namespace) -> int:
    """List what is damaged; changes nothing."""
    given = {name: value for name, value in vars(options).items() if name in settings()}
    try:
        config = load(Path(options.config) if options.config else None, given)
    except ConfigError as error:
        return refuse(error)
    from storage.compaction.verification import verify
    from storage.errors import FormatError

    try:
        found = verify(Path(config.storage.path), print_line)
    except FormatError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILURE
    sys.stdout.write(
        f"segments={found.segments} bytes={found.bytes} damaged={found.damaged} "
        f"set_aside={found.set_aside}\n"
    )
    return EXIT_FAILURE if found.damaged else EXIT_OK


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(path: Path | None, flags: dict[str, object]) -> int:
    """Serve until a signal ends the program."""
    try:
        config = load(path, flags)
    except ConfigError as error:
        return refuse(error)
    set_up_logging(config.program.log_level, config.program.log_format)
    return run_server(config)


def run_server(config: Config) -> int:
    # Until the server listens to it: a reload that is asked for too early must not end the program.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        if config.program.processes > 1:
            from receiver.child import work_of
            from receiver.processes import parent

            return parent.serve(config, work_of(config))
        # The server brings numba and DuckDB with it, which takes a second.
        from receiver import serving

        return serving.serve(config)
    except ConfigError as error:
        return refuse(error)
    except OSError as error:
        logger.error("cannot serve address=%s error=%r", config.web.listen_address, str(error))
        return EXIT_FAILURE


def refuse(error: ConfigError) -> int:
    sys.stderr.write(f"cupola: {error}\n")
    return EXIT_USAGE
