"""`cupola rules check` and `test`: rule files, before a server is given them."""

import argparse
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from api.promql.features import Features

EXIT_USAGE = 2

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_verbs(verbs: Verbs) -> None:
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
    testing = verbs.add_parser(
        "test", help="run unit tests of rules, in promtool's format", allow_abbrev=False
    )
    testing.add_argument("files", nargs="+", metavar="FILE")
    testing.add_argument(
        "--run",
        action="append",
        default=[],
        metavar="REGEX",
        help="only tests whose names contain it; any of several",
    )
    testing.add_argument(
        "--ignore-unknown-fields", action="store_true", help="fields of other rulers are no errors"
    )
    add_features(testing)


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
    return run_check(options, features) if options.verb == "check" else run_tests(options, features)


def run_check(options: argparse.Namespace, features: "Features") -> int:
    from rules.checking import LINTS, Checks, Report, check_files

    lints = tuple(options.lint.split(","))
    for unknown in (lint for lint in lints if lint not in LINTS):
        sys.stdout.write(f"WARNING: unknown lint option {unknown}\n")
    checks = Checks(lints, options.lint_fatal, options.ignore_unknown_fields, features)
    return check_files(options.files, checks, Report(sys.stdout, sys.stderr))


def run_tests(options: argparse.Namespace, features: "Features") -> int:
    from rules.unit_tests.running import Wanted, run_files

    tests = Wanted(tuple(options.run), options.ignore_unknown_fields, features)
    return run_files(options.files, tests, sys.stdout, sys.stderr)
