"""The endpoint of the program's own metrics as JSON: metric families as protobuf's JSON form has
them, in which Prometheus' own pages read them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Sample

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData
from api.promql.syntax.regex import RegexError, check_regex
from storage.labels.matchers import regex_test

Gather = Callable[[], Iterable[Metric]]
# Kinds of families that protobuf does not have count as this one, as in the text format.
OTHER = "gauge"
KINDS = ("counter", "gauge", "summary", "histogram")
CREATED = "_created"


class SelfMetricsHandlers:
    """The endpoint over what gathers the metrics."""

    def __init__(self, gather: Gather) -> None:
        self._gather = gather

    def self_metrics(self, call: Call) -> Job:
        """All families, or those whose names match a pattern as a whole."""
        wanted = name_test(call.params.first("metric_name_pattern"))

        def run(turn: Slot) -> Iterator[bytes]:
            families = map(family_data, self._gather())
            chosen = [family for family in families if wanted(family["name"])]
            yield encode_data(sorted(chosen, key=lambda family: family["name"]))

        return Job(run)


def name_test(pattern: str) -> Callable[[str], bool]:
    """Raises BadData."""
    if not pattern:
        return lambda name: True
    try:
        check_regex(f"^(?:{pattern})$")
    except RegexError as error:
        raise BadData(f"invalid metric_name_pattern: {error}") from None
    return regex_test(pattern)


def family_data(family: Metric) -> dict[str, Any]:
    """A family by the names of protobuf's JSON form. Counters have their whole name."""
    kind = family.type if family.type in KINDS else OTHER
    name = f"{family.name}_total" if kind == "counter" else family.name
    if family.type == "info":
        name = f"{family.name}_info"
    data = {"name": name, "help": family.documentation, "type": kind.upper()}
    if family.unit:
        data["unit"] = family.unit
    parts = ("le",) if kind == "histogram" else ("quantile",) if kind == "summary" else ()
    metrics = [
        {"label": [{"name": n, "value": v} for n, v in sorted(labels)], kind: content(kind, own)}
        for labels, own in by_labels(family.samples, parts).items()
    ]
    return data | {"metric": [{k: v for k, v in each.items() if v != []} for each in metrics]}


def by_labels(
    samples: Iterable[Sample], parts: tuple[str, ...]
) -> Mapping[frozenset[tuple[str, str]], list[Sample]]:
    """The samples of each metric of a family. parts: labels that tell its own parts apart."""
    found: dict[frozenset[tuple[str, str]], list[Sample]] = {}
    for sample in samples:
        labels = frozenset(pair for pair in sample.labels.items() if pair[0] not in parts)
        found.setdefault(labels, []).append(sample)
    return found


def content(kind: str, samples: Iterable[Sample]) -> dict[str, Any]:
    """The value of one metric."""
    data: dict[str, Any] = {}
    for sample in samples:
        if sample.name.endswith(CREATED):
            continue
        if "le" in sample.labels and kind == "histogram":
            bound = float(sample.labels["le"])
            if math.isfinite(bound):  # the last bucket is the count
                bucket = {"cumulativeCount": whole(sample.value), "upperBound": bound}
                data.setdefault("bucket", []).append(bucket)
        elif "quantile" in sample.labels and kind == "summary":
            each = {"quantile": float(sample.labels["quantile"]), "value": number(sample.value)}
            data.setdefault("quantile", []).append(each)
        elif kind in ("counter", "gauge"):
            data["value"] = number(sample.value)
        elif sample.name.endswith("_count"):
            data["sampleCount"] = whole(sample.value)
        elif sample.name.endswith("_sum"):
            data["sampleSum"] = number(sample.value)
    return data


def whole(value: float) -> str:
    """Integers of 64 bits are texts in protobuf's JSON form."""
    return str(int(value))


def number(value: float) -> float | str:
    """What JSON has no number for is a text."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
