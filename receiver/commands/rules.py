"""`cupola rules`: rule files, checked, tested and tried before a server is given them."""

import argparse

from receiver.replaying import command as replaying
from receiver.ruling import history
from rules import command as files

HELP = "check, test and replay files of rules; list and undo changes of those of a server"
DESCRIPTION = """\
`cupola rules check` reports what is wrong with files of rules, as promtool does: exit code 0 if
they can be loaded, 1 if not, and 3 if a lint finds something and --lint-fatal is given.
`cupola rules test` runs unit tests of rules in promtool's format: exit code 0 if all went well.
`cupola rules replay` evaluates rules over what is stored: what they would have recorded, and when
alerts would have been pending, firing and resolved. Exit code 0 if it was evaluated.
`cupola rules history` lists who changed the rules that are configured over HTTP, and
`cupola rules undo` undoes a change. Exit code 1: the server refused."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    files.add_verbs(verbs)
    replaying.add_verb(verbs)
    history.add_verbs(verbs)


def run(options: argparse.Namespace) -> int:
    """Run a verb; the exit code."""
    if options.verb in history.VERBS:
        return history.run(options)
    return replaying.run(options) if options.verb == replaying.VERB else files.run(options)
