"""What a unit test says of a mismatch, in promtool's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.promql.go_format import format_g, format_labels, quote
from api.promql.syntax.durations import format_duration
from rules.evaluation.rows import Key, Labels, Value, key_of
from rules.unit_tests.natives import native_text
from storage.histograms.histograms import Parts

_INDENT = " " * 12


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert as tests compare it."""

    labels: Labels
    annotations: Labels

    @property
    def order(self) -> tuple[Key, Key]:
        return key_of(self.labels), key_of(self.annotations)

    def lines(self) -> list[str]:
        return [f"Labels:{label_text(self.labels)}", f"Annotations:{label_text(self.annotations)}"]


def label_text(labels: Mapping[str, str]) -> str:
    return format_labels(dict(sorted(labels.items())))


def alert_mismatch(
    test: str, alert: str, eval_ms: int, alerts: tuple[list[FiringAlert], list[FiringAlert]]
) -> str:
    """alerts: those expected, and those that fire."""
    expected, got = map(_alert_list, alerts)
    name = f"    name: {test},\n" if test else ""
    time = format_duration(eval_ms)
    return (
        f"{name}    alertname: {alert}, time: {time}, \n        exp:{expected}, \n        got:{got}"
    )


def _alert_list(alerts: Sequence[FiringAlert]) -> str:
    if not alerts:
        return "[]"
    items = []
    for number, alert in enumerate(alerts):
        lines = [f"{number}:", *(f"  {line}" for line in alert.lines())]
        items.append("\n".join(f"{_INDENT}{line}" for line in lines))
    return "[\n" + ",\n".join(items) + f"\n{_INDENT}]"


def sample_text(labels: Labels, value: Value) -> str:
    shown = native_text(value) if isinstance(value, Parts) else exponent_text(value)
    return f"{label_text(labels)} {shown}"


def samples_text(samples: Sequence[tuple[Labels, Value]]) -> str:
    return ", ".join(sample_text(*sample) for sample in samples) or "nil"


def exponent_text(value: float) -> str:
    """Go's %E with the shortest digits: 5E+01."""
    if value - value != 0:  # NaN and the infinities
        return format_g(value)
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0")
    return f"{value:.{max(len(digits) - 1, 0)}E}"


def expression_mismatch(
    expression: str,
    eval_ms: int,
    samples: tuple[Sequence[tuple[Labels, Value]], Sequence[tuple[Labels, Value]]],
) -> str:
    """samples: those expected, and those that the expression gave."""
    expected, got = map(samples_text, samples)
    head = expression_head(expression, eval_ms)
    return f"{head},\n        exp: {expected}\n        got: {got}"


def expression_failure(expression: str, eval_ms: int, error: object) -> str:
    return f"{expression_head(expression, eval_ms)}, err: {error}"


def expression_head(expression: str, eval_ms: int) -> str:
    return f"    expr: {quote(expression)}, time: {format_duration(eval_ms)}"
