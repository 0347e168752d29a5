"""`cupola support-bundle`: an archive to send along with a question, without secrets."""

import argparse
import sys
import time
from pathlib import Path

from receiver.settings.config import settings
from receiver.settings.flags import add_flag

HELP = "pack what there is to know of an installation, without secrets"
DESCRIPTION = """\
Pack into FILE what cupola doctor finds, the configuration in force, names and sizes of the files
of the data directory, what a running server says of itself (--url), and the end of a log (--log).
Passwords, keys, tokens, users, rules, labels and samples are not in it. Look at it before you send
it: it is a plain tar.gz of text files.
"""
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the archive. Default: cupola-support-TIME.tar.gz"
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    parser.add_argument("--url", metavar="URL", help="a running server, to be asked too")
    parser.add_argument(
        "--url-header",
        metavar="NAME:VALUE",
        action="append",
        default=[],
        help="a header for these requests, such as Authorization; may be repeated",
    )
    parser.add_argument("--log", metavar="FILE", help="a log file, of which the end is taken")
    add_flag(parser, settings()["storage.path"])


def run(options: argparse.Namespace) -> int:
    """Write the archive; the exit code."""
    from receiver.doctor.bundle import write_bundle

    name = f"cupola-support-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz"
    target = Path(options.file or name)
    headers = {}
    for text in options.url_header:
        key, colon, value = text.partition(":")
        if not colon:
            sys.stderr.write(f"cupola: --url-header: got {text!r}; allowed is NAME:VALUE\n")
            return EXIT_USAGE
        headers[key.strip()] = value.strip()
    try:
        write_bundle(
            target,
            config=Path(options.config) if options.config else None,
            flags={name: value for name, value in vars(options).items() if name in settings()},
            server=(options.url, headers) if options.url else None,
            log=Path(options.log) if options.log else None,
        )
    except OSError as error:
        sys.stderr.write(f"cupola: {target}: {error}\n")
        return EXIT_FAILURE
    sys.stdout.write(f"{target}: look at it before you send it\n")
    return EXIT_OK
