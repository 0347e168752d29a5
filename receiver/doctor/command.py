"""`cupola doctor`: what around the program is wrong, and what to do about it."""

import argparse
import sys
from pathlib import Path

from receiver.settings.config import settings
from receiver.settings.flags import add_flag

HELP = "look at everything the program depends on, and say what to do"
DESCRIPTION = """\
Look at configuration, clock, processors, memory, open files, address, data directory, disk
and kernels, and say what is wrong and what to do about it. Nothing is changed, and a server may
run beside it. Exit code 1: something keeps a server from working.
"""
EXIT_OK, EXIT_FAILURE = 0, 1
FLAGS = ("storage.path", "web.listen-address")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="Default: %(default)s."
    )
    for name in FLAGS:
        add_flag(parser, settings()[name])


def run(options: argparse.Namespace) -> int:
    """Examine, and print what is found; the exit code."""
    from receiver.doctor.examination import examine
    from receiver.doctor.findings import Level, as_json, as_text

    flags = {name: value for name, value in vars(options).items() if name in settings()}
    found = examine(Path(options.config) if options.config else None, flags)
    sys.stdout.write(as_json(found) if options.format == "json" else as_text(found))
    return EXIT_FAILURE if any(f.level is Level.FAILURE for f in found) else EXIT_OK
