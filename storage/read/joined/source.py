"""The port of a source: somewhere that has series, asked by one query.

Asking begins at once and does not wait, so that all sources work side by side; what comes back is
called for the answer, and waits for it. A source that fails raises only if the query is to fail;
else it says in `losses` what is missing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from storage.catalog.metadata import Description
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection, no_exemplars
from storage.read.rows import Rows
from storage.samples.hint import SelectHint

MatcherSets = Sequence[Sequence[Matcher]]
Span = tuple[int, int]


class SourceSeries(Protocol):
    """The series of one source that a selector matched."""

    @property
    def labels(self) -> LabelFrame:
        """One row per series, with the labels of replicas. Rows are distinct."""
        ...

    def open(self, rows: Int64s, span: Span) -> Rows:
        """Some of them, in the order of `rows`, with their samples of a span, which may be longer
        than the one that was asked for."""
        ...


class Source(Protocol):
    """Where series are. Used by one query, from any thread."""

    @property
    def symbols(self) -> Symbols:
        """Those that its frames are of."""
        ...

    @property
    def losses(self) -> tuple[str, ...]:
        """What may be missing of what was asked for so far: a sentence each."""
        ...

    @property
    def has_aggregates(self) -> bool:
        """Whether it has something that is downsampled."""
        ...

    @property
    def may_have_aggregates(self) -> bool:
        """Whether it may have some for who allows a resolution."""
        ...

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], SourceSeries]:
        """The series that pass all matchers. They raise LimitExceeded if they are too many."""
        ...

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        """The series that pass a set of matchers and have a sample in the span, in any order."""
        ...

    def exemplars(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], ExemplarSelection]:
        """The exemplars of the selected series. They raise LimitExceeded."""
        ...

    def metadata(self, family: str) -> Callable[[], Mapping[str, Sequence[Description]]]:
        """The descriptions of one family, or of all: ""."""
        ...

    def gauges(self, labels: LabelFrame) -> Bools | None:
        """Which rows are known to be gauges; None: none is."""
        ...


class SamplesOnly:
    """A source that has series and their samples, and nothing else of them."""

    __slots__ = ()
    symbols: Symbols

    @property
    def has_aggregates(self) -> bool:
        return False

    @property
    def may_have_aggregates(self) -> bool:
        return self.has_aggregates

    def exemplars(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], ExemplarSelection]:
        return lambda: no_exemplars(self.symbols)

    def metadata(self, family: str) -> Callable[[], Mapping[str, Sequence[Description]]]:
        return dict

    def gauges(self, labels: LabelFrame) -> Bools | None:
        return None
