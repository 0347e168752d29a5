"""A group as YAML that is posted, kept and handed back.

It is read as strictly as files of rules are, and written anew: fields in their order, every scalar
as the text that it was, what was absent absent. So the text of an expression comes back byte for
byte, and two groups that a client takes for equal stay so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from api.promql.features import DEFAULT_FEATURES, Features
from api.promql.syntax.durations import parse_duration
from rules.configuring.errors import Invalid
from rules.files.loader import load_group
from rules.groups import Group

OFFSETS: Final = ("evaluation_delay", "query_offset")
UNDECODABLE: Final = "unable to decode rule group"
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """A group and its text."""

    group: Group
    text: str


def read_group(body: bytes, namespace: str, features: Features = DEFAULT_FEATURES) -> Document:
    """The group of a request's body. Raises Invalid, with Mimir's texts where there are some."""
    loaded = load_group(body, namespace, features)
    if not loaded.groups and loaded.errors:
        raise Invalid(f"{UNDECODABLE}: {loaded.errors[0]}")
    if not loaded.groups:
        raise Invalid(UNDECODABLE)
    (group,) = loaded.groups
    if not group.name:
        raise Invalid("invalid rules configuration: rule group name must not be empty")
    if not group.rules:
        raise Invalid(f"invalid rules configuration: rule group '{group.name}' has no rules")
    if loaded.errors:
        raise Invalid("\n".join(loaded.errors))
    return Document(group, written(plain(body, group)))


def group_of(text: str, namespace: str, features: Features = DEFAULT_FEATURES) -> Group | None:
    """The group of a text that was kept; None if it cannot be read any more."""
    loaded = load_group(text.encode(), namespace, features)
    return loaded.groups[0] if loaded.groups and not loaded.errors else None


def plain(body: bytes, group: Group) -> dict[str, Any]:
    """What was posted, as texts, lists and maps. Raises Invalid."""
    try:
        found: dict[str, Any] = yaml.load(body.decode(), Loader=_TextLoader)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise Invalid(f"{UNDECODABLE}: {error}") from error
    given = without_nulls(found)
    given["rules"] = [
        {
            name: texts_of(value) if name in ("labels", "annotations") else value
            for name, value in without_nulls(rule).items()
        }
        for rule in found["rules"]
        if rule is not None
    ]
    if "labels" in given:
        given["labels"] = texts_of(given["labels"])
    check_offsets(given)
    # The only fields that are no texts.
    typed = {"limit": group.limit, "align_evaluation_time_on_interval": group.is_aligned}
    return {name: typed.get(name, value) for name, value in given.items()}


def check_offsets(given: Mapping[str, Any]) -> None:
    """Raises Invalid if both names of the offset are there with different values."""
    found = {parse_duration(given[name]) for name in OFFSETS if name in given}
    if len(found) > 1:
        raise Invalid(
            f"invalid rules configuration: rule group '{given['name']}' has different values for "
            f"{' and '.join(OFFSETS)}"
        )


def without_nulls(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def texts_of(found: Mapping[str, Any]) -> dict[str, str]:
    """A map of texts, where null is the empty one."""
    return {name: "" if text is None else text for name, text in found.items()}


def written(value: Any) -> str:
    """YAML that reads as the same texts with Go's reader too."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False,
        width=1 << 30,
    )  # fmt: skip


def namespaces_text(namespaces: Mapping[str, Sequence[str]]) -> str:
    """The map of namespaces to lists of groups, of the texts of these."""
    if not namespaces:
        return "{}\n"
    lines = []
    for namespace, groups in namespaces.items():
        lines.append(f"{key_text(namespace)}:")
        for text in groups:
            marks = iter(("  - ",))
            for line in text.rstrip("\n").split("\n"):
                lines.append(next(marks, "    ") + line if line else "")
    return "\n".join(lines) + "\n"


def key_text(name: str) -> str:
    """A key of one line."""
    if _PLAIN_KEY.fullmatch(name) and isinstance(yaml.safe_load(name), str):
        return name
    return yaml.dump(name, default_style='"', allow_unicode=True, width=1 << 30).rstrip("\n")


class _TextLoader(yaml.CSafeLoader):
    """Takes every scalar for a text but for null."""

    yaml_implicit_resolvers = {
        char: [rule for rule in rules if rule[0] in (f"{_TAG}null", f"{_TAG}merge")]
        for char, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _text_of_scalar(loader: _TextLoader, node: yaml.Node) -> str:
    """Of a tag that was written, which says the same."""
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, "a scalar is wanted", node.start_mark)
    return str(node.value)


for _kind in ("int", "float", "bool", "timestamp"):
    _TextLoader.add_constructor(f"{_TAG}{_kind}", _text_of_scalar)


class _Dumper(yaml.CSafeDumper):
    """Texts of several lines as blocks, and nothing shared."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"{_TAG}str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
