"""What is wrong with groups of rules that could be decoded: all of it, in Prometheus' words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from api.promql.errors import ParseError
from api.promql.features import Features
from api.promql.go_format import quote
from api.promql.syntax.literals import is_label_name
from api.promql.syntax.parser import parse
from rules.errors import TemplateError
from rules.groups import Group, Rule
from rules.templates.expander import check

Place = tuple[int, int]
NOWHERE: Place = (0, 0)


@dataclass(frozen=True, slots=True)
class RulePlaces:
    """Line and column of what errors of a rule point to; 0:0 of what is not written."""

    record: Place = NOWHERE
    alert: Place = NOWHERE
    expr: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class GroupPlaces:
    """Where a group and its rules stand."""

    group: Place = NOWHERE
    rules: tuple[RulePlaces, ...] = field(default=())


def problems_of(groups: list[tuple[Group, GroupPlaces]], features: Features) -> Iterator[str]:
    """All that is wrong with the groups of one file."""
    names: set[str] = set()
    for group, places in groups:
        where = _shown(places.group)
        if not group.name:
            yield f"{where}Groupname must not be empty"
        if group.name in names:
            yield f'{where}groupname: "{group.name}" is repeated in the same file'
        yield from _problems_of_labels(group.labels)
        names.add(group.name)
        for number, rule in enumerate(group.rules, 1):
            title = f"group {quote(group.name)}, rule {number}, {quote(rule.name)}: "
            for place, text in _problems_of_rule(rule, places.rules[number - 1], features):
                yield f"{place}{title}{text}"


def _shown(*places: Place) -> str:
    return "".join(f"{line}:{column}: " for line, column in places)


def _problems_of_rule(
    rule: Rule, places: RulePlaces, features: Features
) -> Iterator[tuple[str, str]]:
    """(place, text)"""
    both = _shown(places.record, places.alert)
    if rule.record and rule.alert:
        yield both, "only one of 'record' and 'alert' must be set"
    if not rule.record and not rule.alert:
        yield both, "one of 'record' or 'alert' must be set"
    wrong = _problem_of_expression(rule.expr, features)
    if wrong:
        yield _shown(places.expr), wrong
    if rule.record:
        for text in _problems_of_recording(rule):
            yield _shown(places.record), text
    for text in _problems_of_labels(rule.labels):
        yield "", text
    for name in rule.annotations:
        if not is_label_name(name):
            yield "", f"invalid annotation name: {name}"
    if rule.alert:
        for text in _problems_of_templates(rule):
            yield "", text


def _problem_of_expression(text: str, features: Features) -> str:
    if not text:
        return "field 'expr' must be set in rule"
    try:
        parse(text, features)
    except ParseError as error:
        return f"could not parse expression: {error}"
    return ""


def _problems_of_recording(rule: Rule) -> Iterator[str]:
    fields = {
        "annotations": bool(rule.annotations),
        "for": rule.for_ms != 0,
        "keep_firing_for": rule.keep_firing_ms != 0,
    }
    for name, is_set in fields.items():
        if is_set:
            yield f"invalid field '{name}' in recording rule"
    if not is_label_name(rule.record):
        yield f"invalid recording rule name: {rule.record}"
    if "{" in rule.record or "}" in rule.record:
        yield (f"braces present in the recording rule name; should it be in expr?: {rule.record}")


def _problems_of_labels(labels: Mapping[str, str]) -> Iterator[str]:
    for name, value in labels.items():
        if not is_label_name(name) or name == "__name__":
            yield f"invalid label name: {name}"
        if value and not is_label_name(value):  # any UTF-8 text is one
            yield f"invalid label value: {value}"


def _problems_of_templates(rule: Rule) -> Iterator[str]:
    for what, texts in (("label", rule.labels), ("annotation", rule.annotations)):
        for name, text in texts.items():
            try:
                check(rule.alert, text)
            except TemplateError as error:
                yield f"{what} {quote(name)}: {error}"
