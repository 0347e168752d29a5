"""The endpoints about cardinality: how many series there are, of what, and what has changed.

Series are those that are stored, each replica's own, that have a sample in a range of time. Their
labels are counted in columns; storage.select.max-series bounds how many may be counted at once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from api.answers.cardinality import (
    Compared,
    changes,
    count_label,
    count_labels,
    pair_count,
    statistics,
)
from api.answers.encoding import encode_data
from api.answers.texts import dump
from api.answers.usage import sample_changes, totals, usage_tables
from api.endpoints.handler import Call, Job, Slot
from api.endpoints.status.counting import MatcherSets, counted, counted_limit
from api.errors import BadData, invalid_parameter
from api.params import ReplicaParams, parse_selectors
from api.sources.queriers import QuerierSource
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.options import HOUR_MS
from storage.read.federation import stack_frames

Ingestion = Callable[[Sequence[str]], tuple[float, float]]
AS_STORED = ReplicaParams(False, None)
# What a head of Prometheus covers.
HEAD_MS = 2 * HOUR_MS
LIMIT, LIMIT_MAX = 10, 10_000
MIMIR_LIMIT, MIMIR_LIMIT_MAX = 20, 500


class CardinalityHandlers:
    """The endpoints over one store. now_ms: the clock; ingestion: how many samples a second some
    tenants write together, sent and of rules."""

    def __init__(
        self, source: QuerierSource, ingestion: Ingestion, *, now_ms: Callable[[], int]
    ) -> None:
        self._source = source
        self._ingestion = ingestion
        self._now_ms = now_ms

    def tsdb(self, call: Call) -> Job:
        """Prometheus' statistics of the series of the last two hours, and of chunks in memory."""
        limit = counted_limit(call.params, LIMIT, LIMIT_MAX)
        now_ms = self._now_ms()

        def run(turn: Slot) -> Iterator[bytes]:
            labels = self._series(call, (), now_ms - HEAD_MS, now_ms)
            head = {
                "numSeries": labels.rows,
                "numLabelPairs": pair_count(labels),
                "chunkCount": self._source.querier(call.tenants, AS_STORED).head_chunks(),
                "minTime": now_ms - HEAD_MS,
                "maxTime": now_ms,
            }
            yield encode_data({"headStats": head} | statistics(labels, limit=limit))

        return Job(run)

    def cardinality(self, call: Call) -> Job:
        """The series of a range by metric, label and value, what they take, and what a range before
        had other."""
        wanted = counted(call.params, now_ms=self._now_ms())
        limit = counted_limit(call.params, LIMIT, LIMIT_MAX)
        by = call.params.first("by") or METRIC_NAME

        def run(turn: Slot) -> Iterator[bytes]:
            querier = self._source.querier(call.tenants, AS_STORED)
            after = querier.series(wanted.matcher_sets, *wanted.span)
            data: dict[str, Any] = {"series": after.rows, **statistics(after, limit=limit)}
            usage = querier.usage(wanted.matcher_sets, *wanted.span)
            data["usage"] = usage_tables(usage, limit=limit)
            if wanted.before is not None:
                before = querier.series(wanted.matcher_sets, *wanted.before)
                earlier = querier.usage(wanted.matcher_sets, *wanted.before)
                data["compared"] = compared(before, after, by, limit) | {
                    "usage": totals(earlier),
                    "sampleChanges": sample_changes(earlier, usage, by, limit=limit),
                }
            yield encode_data(data)

        return Job(run)

    def label_names(self, call: Call) -> Job:
        """Mimir's list of labels by how many values they have, without an envelope."""
        selector, limit = mimir_params(call)

        def run(turn: Slot) -> Iterator[bytes]:
            counts = count_labels(self._recent(call, selector))
            ordered = sorted(counts.items(), key=lambda item: (-len(item[1]), item[0]))
            yield dump(
                {
                    "label_values_count_total": sum(len(own) for own in counts.values()),
                    "label_names_count": len(counts),
                    "cardinality": [
                        {"label_name": name, "label_values_count": len(own)}
                        for name, own in ordered[:limit]
                    ],
                }
            )

        return Job(run)

    def label_values(self, call: Call) -> Job:
        """Mimir's list of the values of labels by how many series they have."""
        selector, limit = mimir_params(call)
        names = call.params.all("label_names[]")
        if not names:
            raise BadData("'label_names[]' param is required")

        def run(turn: Slot) -> Iterator[bytes]:
            labels = self._recent(call, selector)
            listed = [value_counts(labels, name, limit) for name in dict.fromkeys(names)]
            yield dump({"series_count_total": labels.rows, "labels": listed})

        return Job(run)

    def user_stats(self, call: Call) -> Job:
        """Mimir's count of series of the last two hours, and of samples a second."""

        def run(turn: Slot) -> Iterator[bytes]:
            count = self._recent(call, ()).rows
            sent, of_rules = self._ingestion(call.tenants)
            rates = {
                "ingestionRate": sent + of_rules,
                "APIIngestionRate": sent,
                "RuleIngestionRate": of_rules,
            }
            yield dump({**rates, "numSeries": count})

        return Job(run)

    def _recent(self, call: Call, selector: MatcherSets) -> LabelFrame:
        now_ms = self._now_ms()
        return self._series(call, selector, now_ms - HEAD_MS, now_ms)

    def _series(self, call: Call, selector: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        return self._source.querier(call.tenants, AS_STORED).series(selector, start_ms, end_ms)


def compared(before: LabelFrame, after: LabelFrame, by: str, limit: int) -> dict[str, Any]:
    """What came and what went, as a whole and by the values of a label."""
    both = stack_frames(after.symbols, [before, after])
    sides = Compared(both.group(both.names)[0], before.rows)
    return {
        "series": before.rows,
        "gone": len(sides.only_first()),
        "new": len(sides.only_second()),
        "by": by,
        "changes": changes(before, after, by, limit=limit),
    }


def value_counts(labels: LabelFrame, name: str, limit: int) -> dict[str, Any]:
    own = count_label(labels, name)
    return {
        "label_name": name,
        "label_values_count": len(own),
        "series_count": own.series,
        "cardinality": [
            {"label_value": value, "series_count": count} for value, count in own.first(limit)
        ],
    }


def mimir_params(call: Call) -> tuple[MatcherSets, int]:
    """The selector, at most one, and the limit of Mimir's endpoints; raises BadData."""
    texts = call.params.all("selector")
    if len(texts) > 1:
        raise invalid_parameter("selector", "at most one is allowed")
    return parse_selectors(texts), counted_limit(call.params, MIMIR_LIMIT, MIMIR_LIMIT_MAX)
