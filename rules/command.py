"""`cupola rules`: rule files, checked before a server is given them."""

import argparse
import sys

HELP = "check files of recording and alerting rules"
DESCRIPTION = """\
`cupola rules check` reports what is wrong with files of rules, as promtool does: exit code 0 if
they can be loaded, 1 if not, and 3 if a lint finds something and --lint-fatal is given."""

EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    checking = verbs.add_parser(
        "check", help="report what is wrong with files of rules", allow_abbrev=False
    )
    checking.add_argument("files", nargs="*", metavar="FILE", help="none: standard input")
    checking.add_argument(
        "--lint",
        default="duplicate-rules",
        metavar="NAMES",
        help="all, duplicate-rules or none, separated by commas (default: %(default)s)",
    )
    checking.add_argument(
        "--lint-fatal", action="store_true", help="exit with 3 if a lint finds something"
    )
    checking.add_argument(
        "--ignore-unknown-fields", action="store_true", help="fields of other rulers are no errors"
    )
    add_features(checking)


def add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--enable-feature",
        action="append",
        default=[],
        metavar="NAMES",
        help="parts of PromQL that are off by default, such as promql-experimental-functions",
    )


def run(options: argparse.Namespace) -> int:
    """Run a verb; the exit code."""
    from api.promql.features import parse_features

    names = [name for names in options.enable_feature for name in names.split(",") if name]
    try:
        features = parse_features(names)
    except ValueError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    from rules.checking import LINTS, Checks, Report, check_files

    lints = tuple(options.lint.split(","))
    for unknown in (lint for lint in lints if lint not in LINTS):
        sys.stdout.write(f"WARNING: unknown lint option {unknown}\n")
    checks = Checks(lints, options.lint_fatal, options.ignore_unknown_fields, features)
    return check_files(options.files, checks, Report(sys.stdout, sys.stderr))
