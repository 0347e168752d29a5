"""Groups of rules from files: all files that some paths with wildcards match, read as one.

One file that cannot be used spoils the whole set, so that rules of one file never meet rules of
another that is of another time.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.promql.features import Features
from rules.errors import RulesError
from rules.files.loader import load_file
from rules.groups import Group
from storage.errors import TenantError
from storage.tenants.tenant import parse_tenant

FILES_MAX = 100_000


class FileSetError(RulesError):
    """Some file cannot be used; str() has a line for each thing that is wrong."""


@dataclass(frozen=True, slots=True)
class FileSet:
    """Groups by tenant, and the files that they come from."""

    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


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
    problems: list[str] = []
    for path in files:
        loaded = load_file(path, features, is_extended=True)
        problems += loaded.errors
        try:
            owner = parse_tenant(tenant or path.absolute().parent.name)
            for group in loaded.groups:
                for source in group.source_tenants:
                    parse_tenant(source)
        except TenantError as error:
            problems.append(f"{path}: {error}")
            continue
        found.setdefault(owner, []).extend(loaded.groups)
    if problems:
        raise FileSetError("\n".join(problems))
    return FileSet({owner: tuple(groups) for owner, groups in found.items()}, files)
