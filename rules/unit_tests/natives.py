"""Native histograms in the notation of test files: {{schema:1 count:3 sum:4 buckets:[1 2]}}."""

import re
from collections.abc import Sequence
from dataclasses import replace

from api.promql.go_format import format_g
from rules.errors import RulesError
from rules.unit_tests.numbers import parse_value
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
)
from storage.histograms.histograms import Parts

Counts = Sequence[tuple[int, float]]
_ITEM = re.compile(r"\s*\b([a-z_]+):(\[[^\]]*\]|[^\s\[\]]+)")
_HINTS = {
    "unknown": HINT_UNKNOWN,
    "reset": HINT_RESET,
    "not_reset": HINT_NOT_RESET,
    "gauge": HINT_GAUGE,
}
_HINT_NAMES = {hint: name for name, hint in _HINTS.items()}
_BUCKETS_MAX = 100_000


def parse_native(text: str) -> Parts:
    """What stands between the braces. Raises RulesError."""
    items = dict(_ITEM.findall(text))
    if _ITEM.sub("", text).strip():
        raise RulesError(f"bad histogram: {{{{{text}}}}}")
    try:
        native = _native(items)
    except ValueError as error:
        raise RulesError(f"bad histogram: {{{{{text}}}}}: {error}") from error
    if items:
        raise RulesError(f"bad histogram: {{{{{text}}}}}: unknown {', '.join(sorted(items))}")
    return native


def _native(items: dict[str, str]) -> Parts:
    """Takes what it knows out of items. Raises ValueError."""

    def number(key: str) -> float:
        return parse_value(items.pop(key, "0"))

    def numbers(key: str) -> list[float]:
        return [parse_value(word) for word in items.pop(key, "[]")[1:-1].split()]

    def side(key: str, offset: str) -> Counts:
        first = int(items.pop(offset, "0"))
        return tuple((i, n) for i, n in enumerate(numbers(key), first) if n)

    hint = items.pop("counter_reset_hint", "unknown")
    if hint not in _HINTS:
        raise ValueError(f"unknown counter_reset_hint {hint}")
    return Parts(
        schema=int(items.pop("schema", "0")),
        count=number("count"),
        sum=number("sum"),
        zero_threshold=number("z_bucket_w"),
        zero_count=number("z_bucket"),
        positive=side("buckets", "offset"),
        negative=side("n_buckets", "n_offset"),
        bounds=tuple(numbers("custom_values")),
        hint=_HINTS[hint],
    )


def combined(one: Parts, other: Parts, sign: int) -> Parts:
    """one + sign * other, for runs of histograms. Raises RulesError if they do not fit."""
    if one.schema > other.schema or tuple(one.bounds) != tuple(other.bounds):
        raise RulesError("the step of a run of histograms is coarser than its start")
    hint = one.hint
    if hint != other.hint:
        hint = HINT_GAUGE if HINT_GAUGE in (one.hint, other.hint) else HINT_UNKNOWN
    shift = other.schema - one.schema
    return replace(
        one,
        count=one.count + sign * other.count,
        sum=one.sum + sign * other.sum,
        zero_count=one.zero_count + sign * other.zero_count,
        positive=_added(one.positive, other.positive, shift, sign),
        negative=_added(one.negative, other.negative, shift, sign),
        hint=hint,
    )


def _added(one: Counts, other: Counts, shift: int, sign: int) -> Counts:
    merged = dict(one)
    for index, count in other:
        coarse = ((index - 1) >> shift) + 1 if shift else index
        merged[coarse] = merged.get(coarse, 0.0) + sign * count
    return tuple((index, count) for index, count in sorted(merged.items()) if count)


def native_text(native: Parts) -> str:
    """A histogram in the notation of test files; two are equal if their texts are."""
    parts = []
    for name, value in (
        ("schema", native.schema),
        ("count", native.count),
        ("sum", native.sum),
        ("z_bucket", native.zero_count),
        ("z_bucket_w", native.zero_threshold),
    ):
        if value:
            parts.append(f"{name}:{format_g(value) if name != 'schema' else value}")
    if native.schema == CUSTOM_SCHEMA:
        parts.append(f"custom_values:[{' '.join(map(format_g, native.bounds))}]")
    if native.hint != HINT_UNKNOWN:
        parts.append(f"counter_reset_hint:{_HINT_NAMES[native.hint]}")
    parts += _side_text("offset", "buckets", native.positive)
    parts += _side_text("n_offset", "n_buckets", native.negative)
    return f"{{{{{' '.join(parts)}}}}}"


def _side_text(offset: str, name: str, counts: Counts) -> list[str]:
    if not counts:
        return []
    first, last = counts[0][0], counts[-1][0]
    if last - first > _BUCKETS_MAX:
        return [f"{name}:{dict(counts)}"]
    known = dict(counts)
    numbers = " ".join(format_g(known.get(i, 0.0)) for i in range(first, last + 1))
    return [*([f"{offset}:{first}"] if first else []), f"{name}:[{numbers}]"]
