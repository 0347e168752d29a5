"""The storage's own series of a tenant, as one source among others."""

from collections.abc import Callable, Mapping, Sequence

from storage.catalog.metadata import Description
from storage.kernels.arrays import Bools
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection
from storage.read.joined.source import MatcherSets, Span
from storage.read.querier import StorageQuerier
from storage.read.stored import StoredSeries
from storage.samples.hint import SelectHint


class LocalSource:
    """A tenant's series in this process: found when they are asked for, so nothing waits."""

    def __init__(self, querier: StorageQuerier) -> None:
        """querier: one that makes no replicas one."""
        self._querier = querier

    @property
    def symbols(self) -> Symbols:
        return self._querier.symbols

    @property
    def losses(self) -> tuple[str, ...]:
        return self._querier.losses

    @property
    def has_aggregates(self) -> bool:
        """What is downsampled here is read by itself (storage/read/joined/home.py)."""
        return False

    @property
    def may_have_aggregates(self) -> bool:
        return False

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], StoredSeries]:
        found = self._querier.stored(matchers, span)
        return lambda: found

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        return lambda: self._querier.series(matcher_sets, *span)

    def exemplars(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], ExemplarSelection]:
        return lambda: self._querier.exemplars(matcher_sets, *span)

    def metadata(self, family: str) -> Callable[[], Mapping[str, Sequence[Description]]]:
        return lambda: self._querier.metadata(family)

    def gauges(self, labels: LabelFrame) -> Bools | None:
        return self._querier.gauges(labels)
