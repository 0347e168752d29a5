"""Groups of rules from files: all files that some paths with wildcards match, read as one.

One file that cannot be used spoils all files of its tenant, so that rules of one file never meet
rules of another that is of another time, and none of other tenants.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.promql.features import Features
from rules.errors import RulesError
from rules.files.loader import load_file
from rules.groups import Group
from storage.errors import TenantError
from storage.tenants.tenant import parse_tenant

FILES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class FileSet:
    """Groups by tenant, and the files that they come from."""

    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


class FileSetError(RulesError):
    """Some file cannot be used; str() has a line for each thing that is wrong. good: the groups of
    tenants all of whose files can be used; None if nothing was read. spoiled: other tenants."""

    def __init__(
        self,
        message: str,
        good: Mapping[str, tuple[Group, ...]] | None = None,
        spoiled: Collection[str] = (),
    ) -> None:
        super().__init__(message)
        self.good, self.spoiled = good, spoiled


def matched(patterns: Sequence[str]) -> tuple[Path, ...]:
    """The files that patterns match, each once. Raises FileSetError if there are too many."""
    names = {name for pattern in patterns for name in glob.glob(pattern, recursive=True)}
    files = sorted(name for name in names if os.path.isfile(name))
    if len(files) > FILES_MAX:
        raise FileSetError(f"rules.files matches {len(files)} files, at most {FILES_MAX} are read")
    return tuple(map(Path, files))


def read(patterns: Sequence[str], tenant: str, features: Features) -> FileSet:
    """All groups of all files. tenant: whose they are; "": the folder of each file says so. Raises
    FileSetError."""
    files = matched(patterns)
    found: dict[str, list[Group]] = {}
    spoiled: set[str] = set()
    problems: list[str] = []
    for path in files:
        owner = ""
        loaded = load_file(path, features, is_extended=True)
        wrong = list(loaded.errors)
        try:
            owner = parse_tenant(tenant or path.absolute().parent.name)
            for group in loaded.groups:
                for source in group.source_tenants:
                    parse_tenant(source)
        except TenantError as error:
            wrong.append(f"{path}: {error}")
        if wrong:
            spoiled.add(owner)
            problems += wrong
        found.setdefault(owner, []).extend(loaded.groups)
    groups = {owner: tuple(found[owner]) for owner in found if owner not in spoiled}
    if problems:
        raise FileSetError("\n".join(problems), groups, spoiled)
    return FileSet(groups, files)
