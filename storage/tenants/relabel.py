"""Relabelling of label sets by Prometheus' rules, applied once, when a series is registered.

A rule reads the values of its source labels, joined by a separator, and changes, keeps or drops the
label set. A set goes through the rules in their order; a label that is given the empty value is
gone. Regular expressions are RE2, anchored at both ends, and their dot matches line feeds too.

Rules are plain data that compare by value, because the log keeps them (storage/tenants/rules.py).
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, TypeVar

import msgspec
import re2

from storage.tenants.regex_template import Template

T = TypeVar("T")
Labels = dict[str, str]
Action = Literal[
    "replace",
    "keep",
    "drop",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
    "keepequal",
    "dropequal",
]
DEFAULT_REGEX, DEFAULT_REPLACEMENT, DEFAULT_SEPARATOR = "(.*)", "$1", ";"
REGEX_CHARS_MAX = 16_384
RULES_MAX = 1_000
MODULUS_MAX = (1 << 64) - 1
MEMO_MAX = 4_096


class RelabelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of `metric_relabel_configs`, by Prometheus' names."""

    action: Action = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = DEFAULT_SEPARATOR
    regex: str = DEFAULT_REGEX
    modulus: int = 0
    target_label: str = ""
    replacement: str = DEFAULT_REPLACEMENT


def read_rules(value: object) -> tuple[RelabelRule, ...]:
    """A list of rules, as YAML gives it; actions in any case, as Prometheus has it. Raises
    ValueError, whose text is what is allowed."""
    if not isinstance(value, list) or len(value) > RULES_MAX:
        raise ValueError(f"a list of up to {RULES_MAX} rules")
    rules = []
    for position, given in enumerate(value, 1):
        if isinstance(given, dict) and isinstance(given.get("action"), str):
            given = given | {"action": given["action"].lower()}
        try:
            rule = msgspec.convert(given, RelabelRule)
            check_rule(rule)
        except (ValueError, msgspec.ValidationError) as error:
            raise ValueError(
                f"rules with {', '.join(RelabelRule.__struct_fields__)}; rule {position}: {error}"
            ) from error
        rules.append(rule)
    return tuple(rules)


def check_rule(rule: RelabelRule) -> None:
    """Raise ValueError for a rule that Prometheus would refuse."""
    action = rule.action
    compile_regex(rule.regex)
    if action == "hashmod" and not 1 <= rule.modulus <= MODULUS_MAX:
        raise ValueError(f"modulus: got {rule.modulus}; allowed for hashmod is 1 to {MODULUS_MAX}")
    if action in _WITH_TARGET and not rule.target_label:
        raise ValueError(f"target_label: got none; {action} needs one")
    if action in ("lowercase", "uppercase", "keepequal", "dropequal"):
        _check_default(rule, "replacement")
    if action in ("keepequal", "dropequal"):
        _check_default(rule, "regex", "modulus", "separator")
    if action in ("labeldrop", "labelkeep"):
        _check_default(rule, "source_labels", "target_label", "modulus", "separator", "replacement")
    if action == "labelmap" and not rule.replacement:
        raise ValueError("replacement: got an empty text; labelmap makes label names of it")


def _check_default(rule: RelabelRule, *names: str) -> None:
    for name in names:
        if getattr(rule, name) != getattr(_DEFAULTS, name):
            raise ValueError(f"{name}: got {getattr(rule, name)!r}; {rule.action} takes none")


_DEFAULTS = RelabelRule()
_WITH_TARGET = ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")


def compile_regex(text: str) -> "re2._Regexp[bytes]":
    """The regular expression, to be matched in full. Raises ValueError."""
    if len(text) > REGEX_CHARS_MAX:
        raise ValueError(f"regex: got {len(text)} characters; allowed are {REGEX_CHARS_MAX}")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        return re2.compile(text.encode(), options)
    except re2.error as error:
        raise ValueError(f"regex: got {text!r}; {error.args[0].decode()}") from error


def relabel(rules: Sequence[RelabelRule], labels: Labels) -> Labels | None:
    """The label set that the rules make of `labels`, or None if they drop it."""
    kept = {name: value for name, value in labels.items() if value}
    for step in steps(tuple(rules)):
        if not step(kept):
            return None
    return kept


# Changes the labels in place; False: the label set is dropped.
Step = Callable[[Labels], bool]


@lru_cache(maxsize=1_024)
def steps(rules: tuple[RelabelRule, ...]) -> tuple[Step, ...]:
    return tuple(Rewriter(rule).step() for rule in rules)


class Memo(dict[str, T]):
    """What a function gives for texts that come again and again, such as names; bounded. Threads
    may share it: at worst they compute the same twice."""

    def __init__(self, function: Callable[[str], T], size_max: int = MEMO_MAX) -> None:
        super().__init__()
        self._size_max = size_max
        self._function = function

    def __missing__(self, text: str) -> T:
        value = self._function(text)
        if len(self) >= self._size_max:
            self.clear()
        self[text] = value
        return value


class Rewriter:
    """One rule with its compiled expression, and memories of what it made of texts."""

    def __init__(self, rule: RelabelRule) -> None:
        self.rule = rule
        regex = compile_regex(rule.regex)
        target, replacement = Template(rule.target_label, regex), Template(rule.replacement, regex)
        self._matches = Memo(lambda text: regex.fullmatch(text.encode()) is not None)
        # The label to set and its value, or the name that another one becomes; None: no match.
        self._targets = Memo(target)
        self._replacements = Memo(replacement)

    def step(self) -> Step:
        named: dict[str, Step] = {
            "replace": self.replace,
            "keep": lambda labels: self._matches[self.source(labels)],
            "drop": lambda labels: not self._matches[self.source(labels)],
            "hashmod": self.hashmod,
            "labelmap": self.labelmap,
            "labeldrop": lambda labels: self.filter_names(labels, keep=False),
            "labelkeep": lambda labels: self.filter_names(labels, keep=True),
            "lowercase": lambda labels: self.set(labels, to_lower(self.source(labels))),
            "uppercase": lambda labels: self.set(labels, to_upper(self.source(labels))),
            "keepequal": lambda labels: self.source(labels) == self.target(labels),
            "dropequal": lambda labels: self.source(labels) != self.target(labels),
        }
        return named[self.rule.action]

    def source(self, labels: Labels) -> str:
        return self.rule.separator.join([labels.get(name, "") for name in self.rule.source_labels])

    def target(self, labels: Labels) -> str:
        return labels.get(self.rule.target_label, "")

    def set(self, labels: Labels, value: str) -> bool:
        return put(labels, self.rule.target_label, value)

    def replace(self, labels: Labels) -> bool:
        source = self.source(labels)
        target = self._targets[source]
        return put(labels, target, self._replacements[source] or "") if target else True

    def hashmod(self, labels: Labels) -> bool:
        """The last 8 bytes of the MD5 of the source, big-endian, modulo the modulus."""
        digest = hashlib.md5(self.source(labels).encode(), usedforsecurity=False).digest()
        return self.set(labels, str(int.from_bytes(digest[8:], "big") % self.rule.modulus))

    def labelmap(self, labels: Labels) -> bool:
        for name, value in sorted(labels.items()):
            mapped = self._replacements[name]
            if mapped is not None:
                put(labels, mapped, value)
        return True

    def filter_names(self, labels: Labels, *, keep: bool) -> bool:
        for name in list(labels):
            if self._matches[name] is not keep:
                del labels[name]
        return True


def put(labels: Labels, name: str, value: str) -> bool:
    """Set a label; the empty value deletes it."""
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)
    return True


def to_lower(text: str) -> str:
    """Character by character, as Go has it: no character becomes several."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def to_upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def _lower(char: str) -> str:
    lower = char.lower()
    return lower if len(lower) == 1 else lower[0]  # only U+0130 has more: i and a dot


def _upper(char: str) -> str:
    for upper in (char.upper(), char.title()):
        if len(upper) == 1:
            return upper
    return char
