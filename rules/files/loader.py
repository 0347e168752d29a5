"""A file of rules, loaded: its groups, or all that is wrong with it.

Only the first document of a file counts. Validation is asked only of what could be decoded, and
then reports everything it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from api.promql.features import DEFAULT_FEATURES, Features
from rules.errors import RulesError
from rules.files.decoder import Decoder, Read
from rules.files.document import Node, parse_document
from rules.files.validation import GroupPlaces, Place, RulePlaces, problems_of
from rules.groups import Group, Rule

FILE_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """Groups, none of them valid if there are errors. is_followed: there are more documents."""

    groups: tuple[Group, ...] = ()
    errors: tuple[str, ...] = ()
    is_followed: bool = False


def load_file(
    path: Path,
    features: Features = DEFAULT_FEATURES,
    *,
    ignores_unknown: bool = False,
    is_extended: bool = False,
) -> Loaded:
    """The groups of a file; each error begins with its name."""
    name = str(path)
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            return Loaded(
                errors=(f"{name}: {size} bytes are more than the {FILE_BYTES_MAX} of a file",)
            )
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Loaded(errors=(f"{name}: open {name}: {reason}",))
    loaded = load(content, name, features, ignores_unknown=ignores_unknown, is_extended=is_extended)
    errors = tuple(f"{name}: {error}" for error in loaded.errors)
    return Loaded(loaded.groups, errors, loaded.is_followed)


def load(
    content: bytes,
    file: str = "",
    features: Features = DEFAULT_FEATURES,
    *,
    ignores_unknown: bool = False,
    is_extended: bool = False,
) -> Loaded:
    """The groups of a text; file: where they are said to be from. is_extended: groups may have the
    fields of Mimir's ruler, too."""
    decoder = Decoder(ignores_unknown=ignores_unknown)
    try:
        document = parse_document(content)
        groups = _Groups(decoder, file, is_extended)
        if document.root is not None:
            groups.read(document.root)
        decoder.check()
    except RulesError as error:
        return Loaded(errors=(str(error),))
    return groups.loaded(features, is_followed=document.is_followed)


def load_group(content: bytes, file: str = "", features: Features = DEFAULT_FEATURES) -> Loaded:
    """The one group that a text is, with the fields of Mimir's ruler; no group if it is empty."""
    decoder = Decoder()
    try:
        document = parse_document(content)
        groups = _Groups(decoder, file, is_extended=True)
        if document.root is not None:
            groups.read_one(document.root)
        decoder.check()
    except RulesError as error:
        return Loaded(errors=(str(error),))
    return groups.loaded(features, is_followed=document.is_followed)


@dataclass(slots=True)
class _Groups:
    """What is read of a file, with the places that errors point to."""

    decoder: Decoder
    file: str
    is_extended: bool = False
    found: list[tuple[Group, GroupPlaces]] = field(default_factory=list)

    def read(self, root: Node) -> None:
        fields: dict[str, Read] = {
            "groups": lambda node: self.decoder.items(node, "[]rulefmt.RuleGroup", self.read_one)
        }
        self.decoder.struct(root, "rulefmt.RuleGroups", fields)

    def loaded(self, features: Features, *, is_followed: bool) -> Loaded:
        problems = tuple(problems_of(self.found, features))
        return Loaded(tuple(group for group, _ in self.found), problems, is_followed)

    def read_one(self, node: Node) -> None:
        reader = _GroupReader(self.decoder, is_extended=self.is_extended)
        # A null is no group, and what is no mapping was reported.
        if self.decoder.struct(node, "rulefmt.RuleGroup", reader.fields()):
            self.found.append((reader.group(self.file), reader.places(_place(node))))


def _place(node: Node) -> Place:
    return node.line, node.column


class _GroupReader:
    """One group, field by field."""

    def __init__(self, decoder: Decoder, *, is_extended: bool) -> None:
        self._decoder = decoder
        self._is_extended = is_extended
        self._name = ""
        self._interval_ms = 0
        self._query_offset_ms: int | None = None
        self._limit = 0
        self._labels: dict[str, str] = {}
        self._rules: list[Rule] = []
        self._places: list[RulePlaces] = []
        self._evaluation_delay_ms: int | None = None
        self._source_tenants: list[str] = []
        self._is_aligned = False

    def fields(self) -> dict[str, Read]:
        fields: dict[str, Read] = {
            "name": self._read_name,
            "interval": self._read_interval,
            "query_offset": self._read_query_offset,
            "limit": self._read_limit,
            "labels": self._read_labels,
            "rules": self._read_rules,
        }
        if self._is_extended:
            fields |= {
                "source_tenants": self._read_source_tenants,
                "evaluation_delay": self._read_evaluation_delay,
                "align_evaluation_time_on_interval": self._read_is_aligned,
            }
        return fields

    def group(self, file: str) -> Group:
        offset_ms = self._query_offset_ms
        return Group(
            self._name,
            file,
            self._interval_ms,
            self._evaluation_delay_ms if offset_ms is None else offset_ms,
            self._limit,
            self._labels,
            tuple(self._rules),
            tuple(sorted(set(self._source_tenants))),
            self._is_aligned,
        )

    def places(self, place: Place) -> GroupPlaces:
        return GroupPlaces(place, tuple(self._places))

    def _read_name(self, node: Node) -> None:
        self._name = self._decoder.text(node) or ""

    def _read_interval(self, node: Node) -> None:
        self._interval_ms = self._decoder.duration(node) or 0

    def _read_query_offset(self, node: Node) -> None:
        self._query_offset_ms = self._decoder.duration(node)

    def _read_limit(self, node: Node) -> None:
        self._limit = self._decoder.integer(node)

    def _read_labels(self, node: Node) -> None:
        self._labels = self._decoder.texts(node)

    def _read_evaluation_delay(self, node: Node) -> None:
        self._evaluation_delay_ms = self._decoder.duration(node)

    def _read_source_tenants(self, node: Node) -> None:
        self._decoder.items(node, "[]string", self._read_source_tenant)

    def _read_source_tenant(self, node: Node) -> None:
        self._source_tenants.append(self._decoder.text(node) or "")

    def _read_is_aligned(self, node: Node) -> None:
        self._is_aligned = self._decoder.boolean(node)

    def _read_rules(self, node: Node) -> None:
        self._decoder.items(node, "[]rulefmt.Rule", self._read_rule)

    def _read_rule(self, node: Node) -> None:
        reader = _RuleReader(self._decoder)
        if self._decoder.struct(node, "rulefmt.Rule", reader.fields()):
            self._rules.append(reader.rule())
            self._places.append(reader.places())


class _RuleReader:
    """One rule, field by field."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._texts = {"record": "", "alert": "", "expr": ""}
        self._nodes: dict[str, Place] = {}
        self._durations = {"for": 0, "keep_firing_for": 0}
        self._maps: dict[str, dict[str, str]] = {"labels": {}, "annotations": {}}

    def fields(self) -> dict[str, Read]:
        readers: dict[str, Read] = {}
        for names, read in (
            (self._texts, self._read_text),
            (self._durations, self._read_duration),
            (self._maps, self._read_map),
        ):
            for name in names:
                readers[name] = partial(read, name)
        return readers

    def _read_text(self, name: str, node: Node) -> None:
        self._nodes[name] = _place(node)
        self._texts[name] = self._decoder.text(node) or ""

    def _read_duration(self, name: str, node: Node) -> None:
        self._durations[name] = self._decoder.duration(node) or 0

    def _read_map(self, name: str, node: Node) -> None:
        self._maps[name] = self._decoder.texts(node)

    def rule(self) -> Rule:
        return Rule(
            self._texts["expr"],
            self._texts["record"],
            self._texts["alert"],
            self._durations["for"],
            self._durations["keep_firing_for"],
            self._maps["labels"],
            self._maps["annotations"],
        )

    def places(self) -> RulePlaces:
        return RulePlaces(**self._nodes)
