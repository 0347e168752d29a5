"""A file of unit tests, decoded: what is put in, and what is expected to come out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from api.promql.go_format import parse_float, quote
from rules.files.decoder import DecodeError, Decoder, Read
from rules.files.document import Node, parse_document

T = TypeVar("T")
MINUTE_MS = 60_000


@dataclass(slots=True)
class InputSeries:
    """series: labels, values: its values, both in their notation."""

    series: str = ""
    values: str = ""


@dataclass(slots=True)
class ExpectedAlert:
    """What a firing alert has; alertname is added to its labels."""

    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class AlertCase:
    """The alerts of a name that fire at a time, counted from the start."""

    eval_ms: int = 0
    alert: str = ""
    expected: list[ExpectedAlert] = field(default_factory=list)


@dataclass(slots=True)
class ExpectedSample:
    """labels: in their notation; native: a histogram, "" if the value counts."""

    labels: str = ""
    value: float = 0.0
    native: str = ""


@dataclass(slots=True)
class ExpressionCase:
    """The samples of an expression at a time, counted from the start."""

    expression: str = ""
    eval_ms: int = 0
    expected: list[ExpectedSample] = field(default_factory=list)


@dataclass(slots=True)
class Case:
    """One test, with a database of its own. interval_ms: of the series, 0 for that of the file."""

    name: str = ""
    interval_ms: int = 0
    start_ms: int = 0
    series: list[InputSeries] = field(default_factory=list)
    alerts: list[AlertCase] = field(default_factory=list)
    expressions: list[ExpressionCase] = field(default_factory=list)
    external_labels: dict[str, str] = field(default_factory=dict)
    external_url: str = ""

    @property
    def last_ms(self) -> int:
        """The latest time that is asked about."""
        asked = [case.eval_ms for case in self.alerts]
        asked += [case.eval_ms for case in self.expressions]
        return max(asked, default=0)


@dataclass(slots=True)
class CaseFile:
    """files: globs of rule files; order: names of groups; is_fuzzy: values may differ by an ulp."""

    files: list[str] = field(default_factory=list)
    interval_ms: int = 0
    order: list[str] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    is_fuzzy: bool = False


def parse_tests(content: bytes) -> CaseFile:
    """Raises RulesError with the text of Go's decoder."""
    decoder = Decoder()
    reader = _Reader(decoder)
    root = parse_document(content).root
    found = reader.file(root) if root is not None else CaseFile()
    decoder.check()
    found.interval_ms = found.interval_ms or MINUTE_MS
    for case in found.cases:
        case.interval_ms = case.interval_ms or found.interval_ms
    return found


class _Reader:
    """What each field of each kind of mapping is read into."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def file(self, node: Node) -> CaseFile:
        made = CaseFile()
        self._struct(
            node,
            "unitTestFile",
            {
                "rule_files": self._texts(made.files),
                "evaluation_interval": self._duration(made, "interval_ms"),
                "group_eval_order": self._texts(made.order),
                "fuzzy_compare": self._flag(made, "is_fuzzy"),
                "tests": self._list("testGroup", made.cases, self._case),
            },
        )
        return made

    def _case(self, node: Node) -> Case | None:
        made = Case()
        fields = {
            "name": self._text(made, "name"),
            "interval": self._duration(made, "interval_ms"),
            "start_timestamp": self._time(made, "start_ms"),
            "external_labels": self._map(made, "external_labels"),
            "external_url": self._text(made, "external_url"),
            "input_series": self._list("series", made.series, self._series),
            "alert_rule_test": self._list("alertTestCase", made.alerts, self._alerts),
            "promql_expr_test": self._list("promqlTestCase", made.expressions, self._expression),
        }
        return made if self._struct(node, "testGroup", fields) else None

    def _series(self, node: Node) -> InputSeries | None:
        made = InputSeries()
        fields = {"series": self._text(made, "series"), "values": self._text(made, "values")}
        return made if self._struct(node, "series", fields) else None

    def _alerts(self, node: Node) -> AlertCase | None:
        made = AlertCase()
        fields = {
            "eval_time": self._duration(made, "eval_ms"),
            "alertname": self._text(made, "alert"),
            "exp_alerts": self._list("alert", made.expected, self._alert),
        }
        return made if self._struct(node, "alertTestCase", fields) else None

    def _alert(self, node: Node) -> ExpectedAlert | None:
        made = ExpectedAlert()
        fields = {
            "exp_labels": self._map(made, "labels"),
            "exp_annotations": self._map(made, "annotations"),
        }
        return made if self._struct(node, "alert", fields) else None

    def _expression(self, node: Node) -> ExpressionCase | None:
        made = ExpressionCase()
        fields = {
            "expr": self._text(made, "expression"),
            "eval_time": self._duration(made, "eval_ms"),
            "exp_samples": self._list("sample", made.expected, self._sample),
        }
        return made if self._struct(node, "promqlTestCase", fields) else None

    def _sample(self, node: Node) -> ExpectedSample | None:
        made = ExpectedSample()
        fields = {
            "labels": self._text(made, "labels"),
            "value": self._real(made, "value"),
            "histogram": self._text(made, "native"),
        }
        return made if self._struct(node, "sample", fields) else None

    def _struct(self, node: Node, kind: str, fields: dict[str, Read]) -> bool:
        return self._decoder.struct(node, f"main.{kind}", fields)

    def _list(self, kind: str, into: list[T], read: Callable[[Node], T | None]) -> Read:
        def read_item(item: Node) -> None:
            made = read(item)
            if made is not None:
                into.append(made)

        return lambda node: self._decoder.items(node, f"[]main.{kind}", read_item)

    def _texts(self, into: list[str]) -> Read:
        def read_item(item: Node) -> None:
            into.append(self._decoder.text(item) or "")

        return lambda node: self._decoder.items(node, "[]string", read_item)

    def _text(self, made: object, name: str) -> Read:
        return lambda node: setattr(made, name, self._decoder.text(node) or "")

    def _duration(self, made: object, name: str) -> Read:
        return lambda node: setattr(made, name, self._decoder.duration(node) or 0)

    def _real(self, made: object, name: str) -> Read:
        return lambda node: setattr(made, name, self._decoder.real(node))

    def _flag(self, made: object, name: str) -> Read:
        return lambda node: setattr(made, name, self._decoder.boolean(node))

    def _map(self, made: object, name: str) -> Read:
        return lambda node: setattr(made, name, self._decoder.texts(node))

    def _time(self, made: object, name: str) -> Read:
        def read(node: Node) -> None:
            text = self._decoder.text(node)
            if text is not None:
                setattr(made, name, parse_time(text))

        return read


def parse_time(text: str) -> int:
    """Milliseconds of unix seconds or of RFC 3339. Raises DecodeError."""
    seconds = parse_float(text)
    if seconds is not None and math.isfinite(seconds):
        return round(seconds * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DecodeError(f"cannot parse {quote(text)} to a valid timestamp")
    return round(moment.timestamp() * 1000)
