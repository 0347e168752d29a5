"""What `promtool check rules` says of files, with its texts and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from api.promql.features import DEFAULT_FEATURES, Features
from rules.files.loader import Loaded, load, load_file
from rules.groups import Group
from storage.labels.frames import label_sort_key

EXIT_OK, EXIT_FAILURE, EXIT_LINT = 0, 1, 3
LINTS = ("all", "duplicate-rules", "none")
STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class Checks:
    """What is checked. lints: of LINTS; is_fatal: whether what they find is a failure."""

    lints: tuple[str, ...] = ("duplicate-rules",)
    is_fatal: bool = False
    ignores_unknown: bool = False
    features: Features = DEFAULT_FEATURES

    @property
    def finds_duplicates(self) -> bool:
        return "all" in self.lints or "duplicate-rules" in self.lints


@dataclass(slots=True)
class Report:
    """Where the report is written, and the worst that was found so far."""

    out: TextIO
    err: TextIO
    has_errors: bool = False
    has_lints: bool = False

    def exit_code(self, checks: Checks) -> int:
        if self.has_errors:
            return EXIT_FAILURE
        return EXIT_LINT if self.has_lints and checks.is_fatal else EXIT_OK


def check_files(paths: Sequence[str], checks: Checks, report: Report) -> int:
    """Check files, or standard input if none is named; the exit code."""
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        report.err.write(f"path '{missing}' does not exist\n")
        return EXIT_FAILURE
    if not paths:
        report.out.write(f"Checking {STANDARD_INPUT}\n")
        content = sys.stdin.buffer.read()
        loaded = load(content, "", checks.features, ignores_unknown=checks.ignores_unknown)
        _report(loaded, checks, report)
    for path in paths:
        report.out.write(f"Checking {path}\n")
        loaded = load_file(Path(path), checks.features, ignores_unknown=checks.ignores_unknown)
        _report(loaded, checks, report)
    return report.exit_code(checks)


def _report(loaded: Loaded, checks: Checks, report: Report) -> None:
    if loaded.errors:
        report.has_errors = True
        _fail(loaded.errors, report)
        return
    duplicates = duplicates_of(loaded.groups) if checks.finds_duplicates else []
    if duplicates:
        report.has_lints = True
        _fail([_text_of(duplicates)], report)
    else:
        count = sum(len(group.rules) for group in loaded.groups)
        report.out.write(f"  SUCCESS: {count} rules found\n")
    report.out.write("\n")


def _fail(errors: Sequence[str], report: Report) -> None:
    report.out.flush()
    report.err.write("  FAILED:\n")
    report.err.writelines(f"{error}\n" for error in errors)
    report.err.flush()


Named = tuple[str, tuple[tuple[str, str], ...]]


def duplicates_of(groups: Sequence[Group]) -> list[Named]:
    """Names and labels that several rules of a file have, each once, in order."""
    counts: dict[Named, int] = {}
    for group in groups:
        for rule in group.rules:
            labels = sorted(group.labels_of(rule).items(), key=lambda pair: label_sort_key(pair[0]))
            key = (rule.name, tuple(labels))
            counts[key] = counts.get(key, 0) + 1
    return sorted(key for key, count in counts.items() if count > 1)


def _text_of(duplicates: list[Named]) -> str:
    lines = [f"lint error {len(duplicates)} duplicate rule(s) found."]
    for name, labels in duplicates:
        lines += [f"Metric: {name}", "Label(s):"]
        lines += [f"\t{label}: {value}" for label, value in labels]
    lines.append("Might cause inconsistency while recording expressions")
    return "\n".join(lines)
