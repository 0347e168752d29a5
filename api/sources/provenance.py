"""Provenance: which replica each sample of an answer came from.

It is reported for plain selectors only, whose answers consist of samples as they are. The query is
evaluated twice over one and the same selection, the second time with the number of the replica in
place of every value: both answers then have the same rows, and the same samples in them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from api.answers.encoding import SampleReplicas
from api.errors import BadData
from api.promql.errors import TooManySamples
from api.promql.queryable import Queryable, Selection
from api.promql.syntax.nodes import MatrixSelector, Node, VectorSelector, without_parens
from api.promql.vectors.value import Matrix, Result, Vector
from api.sources.store import Querier, SourcedSelection
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples

PROVENANCE_SAMPLES_MAX = 1_000_000


def check_plain(root: Node) -> None:
    """Raises BadData unless a query is a plain selector."""
    node = without_parens(root)
    selector = node.selector if isinstance(node, MatrixSelector) else node
    if isinstance(selector, VectorSelector) and not (selector.anchored or selector.smoothed):
        return
    raise BadData(
        'invalid parameter "provenance": the query has to be a plain selector, such as up or '
        "up[5m]: samples of any other expression come from no single replica"
    )


def with_origins(
    querier: Querier,
    evaluate: Callable[[Queryable], Result],
    *,
    samples_max: int = PROVENANCE_SAMPLES_MAX,
) -> tuple[Result, SampleReplicas]:
    """The result of a plain selector, and where its samples come from.

    evaluate: evaluates the same query at every call. Raises TooManySamples, and what it raises.
    """
    first = Recording(querier)
    result = evaluate(first)
    count = sample_count(result)
    if count > samples_max:
        raise TooManySamples(
            f"the answer has {count} samples, and provenance is told of at most "
            f"{samples_max} (PROVENANCE_SAMPLES_MAX)"
        )
    second = evaluate(Replay(first))
    value = second.value
    assert isinstance(value, Vector | Matrix), "BUG: a selector gave no series"
    (selection,) = first.selections
    if isinstance(value, Matrix):
        numbers = value.samples.values.astype(np.int32)
    else:
        numbers = np.where(value.present, value.values, 0).astype(np.int32)
    return result, SampleReplicas(selection.replicas(), numbers)


def sample_count(result: Result) -> int:
    value = result.value
    if isinstance(value, Matrix):
        return len(value.samples)
    assert isinstance(value, Vector), "BUG: a selector gave no series"
    return int(np.count_nonzero(value.present))


class Recording:
    """A querier whose selections are kept."""

    def __init__(self, querier: Querier) -> None:
        self._querier = querier
        self.selections: list[SourcedSelection] = []

    @property
    def symbols(self) -> Symbols:
        return self._querier.symbols

    @property
    def counters_differ(self) -> bool:
        return self._querier.counters_differ

    @property
    def has_aggregates(self) -> bool:
        return False  # which samples of replicas they were made of is not known

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selection:
        selection = self._querier.select(matchers, start_ms, end_ms, hint)
        self.selections.append(selection)
        return selection


class Replay:
    """The selections of a recording again, with numbers of replicas as values."""

    def __init__(self, recording: Recording) -> None:
        self.symbols = recording.symbols
        self.counters_differ = recording.counters_differ
        self.has_aggregates = recording.has_aggregates
        self._left = iter(recording.selections)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selection:
        return OriginSelection(next(self._left))


@dataclass(frozen=True, slots=True)
class OriginSelection:
    """A selection that reads numbers of replicas."""

    selection: SourcedSelection

    @property
    def labels(self) -> LabelFrame:
        return self.selection.labels

    def read(self, first_row: int, end_row: int) -> Samples:
        return self.selection.read_origins(first_row, end_row)
