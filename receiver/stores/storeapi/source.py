"""A store as a source of one query: asked over gRPC, read by a thread, matched again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from receiver.stores.errors import StoreError
from receiver.stores.limits import Budget
from receiver.stores.storeapi.asking import Asking
from receiver.stores.storeapi.client import EXEMPLARS, METADATA, SERIES
from receiver.stores.storeapi.columns import Collector, MatcherSets, Span
from receiver.stores.storeapi.exemplars import ExemplarReader
from receiver.stores.storeapi.messages import (
    exemplars_request,
    metadata_request,
    read_metadata,
    series_request,
)
from receiver.stores.storeapi.state import StoreState
from receiver.stores.terms import Asked
from receiver.stores.windows import Windows
from storage.catalog.metadata import Description
from storage.kernels.arrays import Bools
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME, Matcher
from storage.read.exemplars import ExemplarSelection, no_exemplars
from storage.read.federation import recode, stack_frames
from storage.read.joined.fetched import FetchedSeries, nothing
from storage.samples.hint import SelectHint

# Chosen by every series that has a name: a store wants a matcher besides those of its own labels.
NAMED = Matcher(METRIC_NAME, "!=", "")
# Types of Thanos' stores that have samples as they came, and nothing else.
RAW_ONLY = ("sidecar", "rule")
# The one that knows external labels when it is asked for exemplars.
QUERIER = "query"


class StoreSource:
    """One store, asked by one query from any thread."""

    def __init__(self, state: StoreState, asked: Asked) -> None:
        self._state = state
        self._common, self._terms = asked, asked.terms
        self._asking = Asking(state, asked)
        self.symbols = Symbols()

    @property
    def has_aggregates(self) -> bool:
        """That is not known before it is asked."""
        return False

    @property
    def may_have_aggregates(self) -> bool:
        return self._state.kind not in RAW_ONLY

    @property
    def losses(self) -> tuple[str, ...]:
        return self._asking.losses

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], FetchedSeries]:
        windows = Windows.wanted(hint) if self.may_have_aggregates else None
        return self._asked(matchers, span, with_samples=True, windows=windows)

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        asked = [
            self._asked(matchers, span, with_samples=False) for matchers in matcher_sets or [()]
        ]
        return lambda: stack_frames(self.symbols, [answer().labels for answer in asked])

    def exemplars(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], ExemplarSelection]:
        info, sets = self._state.info, [self._terms.matchers(own) for own in matcher_sets or [()]]
        worth = [own for own in sets if self._state.is_worth_asking(own, span)]
        if info is None or not info.exemplars or not worth or not self._asking.is_there():
            return lambda: no_exemplars(self.symbols)
        external = set() if info.kind == QUERIER else self._external()
        sent = [[each for each in own if each.name not in external] or [NAMED] for own in worth]
        came = self._asking.contents(EXEMPLARS, exemplars_request(sent, span))

        def answer() -> ExemplarSelection:
            reader = ExemplarReader(self.symbols, span)
            self._asking.read(came(), reader.take)
            return reader.selection(sets, self._terms.shown)

        return answer

    def metadata(self, family: str) -> Callable[[], Mapping[str, Sequence[Description]]]:
        info = self._state.info
        if info is None or not info.metadata or self._terms.tenant_label:
            return dict  # nothing says whose it is
        if not self._asking.is_there():
            return dict
        came = self._asking.contents(METADATA, metadata_request(family))

        def answer() -> Mapping[str, Sequence[Description]]:
            found: dict[str, list[Description]] = {}
            self._asking.read(came(), lambda message: read_metadata(message, found))
            return {name: own for name, own in found.items() if family in ("", name)}

        return answer

    def gauges(self, labels: LabelFrame) -> Bools | None:
        return None

    def _asked(
        self,
        wanted: Sequence[Matcher],
        span: Span,
        *,
        with_samples: bool,
        windows: Windows | None = None,
    ) -> Callable[[], FetchedSeries]:
        """A call that is under way; none where the store can have nothing of a selector."""
        matchers = self._terms.matchers(wanted)
        if not (self._state.is_worth_asking(matchers, span) and self._asking.is_there()):
            return lambda: nothing(self.symbols, span)
        request = series_request(
            self._with_another(matchers),
            span,
            is_whole=self._terms.is_whole,
            skip_chunks=not with_samples,
            resolution_ms=0 if windows is None else windows.resolution_ms,
            aggregates=() if windows is None else windows.aggregates,
        )
        budget = Budget(self._common.limits)
        collector = Collector(budget, with_samples=with_samples, windows=windows)
        came = self._asking.into(collector, SERIES, request)

        def answer() -> FetchedSeries:
            came()
            found = self._found(collector, matchers, span)

            def wider(longer: Span) -> FetchedSeries:
                more = self._asked(wanted, longer, with_samples=True, windows=windows)()
                return replace(more, labels=recode(more.labels, found.labels.symbols))

            return replace(found, wider=wider)

        return answer

    def _external(self) -> set[str]:
        """The names of the store's external labels."""
        info = self._state.info
        return {name for labels in (info.labels if info else ()) for name in labels}

    def _with_another(self, matchers: Sequence[Matcher]) -> Sequence[Matcher]:
        """One matcher more where all are on external labels, which a store takes as none."""
        external = self._external()
        if all(matcher.name in external for matcher in matchers):
            return (*matchers, NAMED)
        return matchers

    def _found(
        self, collector: Collector, matchers: Sequence[Matcher], span: Span
    ) -> FetchedSeries:
        try:
            found, wrong = collector.finished([matchers], span)
        except StoreError as error:  # of a part that is damaged
            self._asking.lose(str(error))
            return nothing(self.symbols, span)
        if wrong:
            self._asking.lose(f"it sent {wrong} series that were not asked for, which are left out")
        return replace(found, labels=self._terms.shown(found.labels))
