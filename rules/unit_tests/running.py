"""Files of unit tests, run one after another, with promtool's report and exit codes."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import re2

from api.promql.engine import Engine
from api.promql.features import DEFAULT_FEATURES, Features
from api.promql.options import EngineOptions
from api.promql.syntax.regex import RegexError, check_regex
from rules.errors import RulesError
from rules.files.loader import load_file
from rules.groups import Group
from rules.unit_tests.cases import CaseFile, parse_tests
from rules.unit_tests.scene import Scene

EXIT_OK, EXIT_FAILURE = 0, 1
ENGINE_THREADS = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """How tests are run. names: regular expressions, one of which the name of a test contains."""

    names: tuple[str, ...] = ()
    ignores_unknown: bool = False
    features: Features = DEFAULT_FEATURES


def run_files(paths: Sequence[str], tests: Wanted, out: TextIO, err: TextIO) -> int:
    """Run all tests of the files; the exit code."""
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        err.write(f"path '{missing}' does not exist\n")
        return EXIT_FAILURE
    try:
        for name in tests.names:
            check_regex(name)
    except RegexError as error:
        err.write(f"{error}\n")
        return EXIT_FAILURE
    has_failed = False
    for path in paths:
        errors = _Run(Path(path), tests, err).errors()
        if errors:
            has_failed = True
            out.flush()
            err.write("  FAILED:\n")
            for text in errors:
                err.write(f"{text}\n")
                err.flush()
                out.write("\n")
                out.flush()
        else:
            out.write("  SUCCESS\n")
        out.write("\n")
    return EXIT_FAILURE if has_failed else EXIT_OK


class _Run:
    """One file of tests."""

    def __init__(self, path: Path, tests: Wanted, err: TextIO) -> None:
        self._path = path
        self._tests = tests
        self._err = err

    def errors(self) -> list[str]:
        """What is wrong; nothing if all went well."""
        try:
            found = parse_tests(self._path.read_bytes())
        except OSError as error:
            return [f"open {self._path}: {(error.strerror or str(error)).lower()}"]
        except RulesError as error:
            return [str(error)]
        files = self._rule_files(found)
        repeated = _first_repeated(found.order)
        if repeated is not None:
            return [f"group name repeated in evaluation order: {repeated}"]
        options = EngineOptions(
            default_evaluation_interval_ms=found.interval_ms, threads=ENGINE_THREADS
        )
        engine = Engine(options, self._tests.features)
        try:
            return self._run(found, files, engine)
        finally:
            engine.close()

    def _run(self, found: CaseFile, files: list[Path], engine: Engine) -> list[str]:
        wanted = [case for case in found.cases if self._is_wanted(case.name)]
        errors: list[str] = []
        for case in wanted:
            groups, wrong = self._groups(files, found.order)
            if wrong:
                errors += wrong
                continue
            scene = Scene(case, groups, engine)
            errors += scene.run(found.interval_ms, is_fuzzy=found.is_fuzzy)
        return errors

    def _is_wanted(self, name: str) -> bool:
        patterns = self._tests.names
        return not patterns or re2.search("|".join(patterns), name) is not None

    def _rule_files(self, found: CaseFile) -> list[Path]:
        """The files that the globs match, relative to the file of tests."""
        files = []
        for pattern in found.files:
            whole = os.path.join(self._path.parent, pattern) if pattern else ""
            matched = sorted(glob.glob(whole))
            if not matched:
                self._err.write(f"  WARNING: no file match pattern {os.path.normpath(whole)}\n")
            files += [Path(os.path.normpath(name)) for name in matched]
        return files

    def _groups(self, files: list[Path], order: list[str]) -> tuple[list[Group], list[str]]:
        """All groups in the order of their evaluation, or what is wrong with their files."""
        groups: list[Group] = []
        for path in files:
            loaded = load_file(
                path, self._tests.features, ignores_unknown=self._tests.ignores_unknown
            )
            if loaded.errors:
                return [], list(loaded.errors)
            groups += loaded.groups
        ranks = {name: rank for rank, name in enumerate(order)}
        return sorted(groups, key=lambda group: ranks.get(group.name, 0)), []


def _first_repeated(names: list[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
