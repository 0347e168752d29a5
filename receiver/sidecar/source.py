"""The series of the Prometheus behind a sidecar, as a source of one query.

Samples come by remote read, as streams of chunks; lists of series from the API, which reads no
samples for them. External labels win over labels of series, as they do in Thanos.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from receiver.sidecar.prometheus import Prometheus, PrometheusError, seconds, selector_of
from receiver.stores.remote_read.source import ReadSource, ServerState
from receiver.stores.storeapi.columns import MatcherSets, Span
from receiver.stores.terms import Asked
from storage.catalog.metadata import KINDS, Description
from storage.histograms.histograms import offsets_of
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.labels.passing import passing_any
from storage.read.exemplars import ExemplarSelection, no_exemplars

T = TypeVar("T")


class SidecarSource(ReadSource):
    """One Prometheus, asked by one query from any thread. state: its remote read, and the external
    labels of its series."""

    def __init__(self, prometheus: Prometheus, state: ServerState, asked: Asked) -> None:
        super().__init__(state, asked)
        self._prometheus = prometheus

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        wanted = self._wanted(matcher_sets)
        if not wanted:
            return lambda: LabelFrame(self.symbols, 0)
        selectors = [selector_of(matchers) for matchers in wanted]
        nothing: list[dict[str, str]] = []
        answer = self._asking(lambda: self._prometheus.series(selectors, span), nothing)

        def found() -> LabelFrame:
            own = self.state.server.labels
            labels = LabelFrame.from_dicts(self.symbols, [{**each, **own} for each in answer()])
            return labels.take(np.flatnonzero(passing_any(labels, matcher_sets)))

        return found

    def exemplars(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], ExemplarSelection]:
        wanted = self._wanted(matcher_sets)
        if not wanted:
            return lambda: no_exemplars(self.symbols)
        query = " + ".join(map(selector_of, wanted))
        times = {"start": seconds(span[0]), "end": seconds(span[1])}
        nothing: list[dict[str, Any]] = []
        answer = self._asking(
            lambda: self._prometheus.data("query_exemplars", query=query, **times), nothing
        )
        return lambda: self._exemplars(answer())

    def metadata(self, family: str) -> Callable[[], Mapping[str, Sequence[Description]]]:
        params = {"metric": family} if family else {}
        nothing: dict[str, list[dict[str, str]]] = {}
        answer = self._asking(lambda: self._prometheus.data("metadata", **params), nothing)
        return lambda: {
            name: [described(each) for each in found] for name, found in answer().items()
        }

    def _wanted(self, matcher_sets: MatcherSets) -> list[Sequence[Matcher]]:
        """The sets that may select something, without what is about external labels."""
        sets = (self._sent(self.asked.terms.matchers(each)) for each in matcher_sets or [()])
        return [each for each in sets if each is not None]

    def _asking(self, ask: Callable[[], T], nothing: T) -> Callable[[], T]:
        """A question under way; nothing where it is not answered, which is said."""
        came = self.asked.calls.begin(Asking(), ask)

        def answer() -> T:
            try:
                return came()
            except PrometheusError as error:
                self._lose(str(error))
                return nothing

        return answer

    def _exemplars(self, found: Sequence[Mapping[str, Any]]) -> ExemplarSelection:
        own = self.state.server.labels
        labels = [{**each["seriesLabels"], **own} for each in found]
        exemplars = [sorted(each["exemplars"], key=moment_ms) for each in found]
        flat = [each for some in exemplars for each in some]
        return ExemplarSelection(
            LabelFrame.from_dicts(self.symbols, labels),
            offsets_of([len(some) for some in exemplars]),
            np.array([moment_ms(each) for each in flat], np.int64),
            np.array([float(each["value"]) for each in flat], np.float64),
            [tuple(sorted(each["labels"].items())) for each in flat],
        )


class Asking:
    """A question that ends by the time that a connection may be silent."""

    def end(self, why: str) -> None: ...

    def end_if_late(self) -> None: ...


def moment_ms(exemplar: Mapping[str, Any]) -> int:
    return round(float(exemplar["timestamp"]) * 1000)


def described(found: Mapping[str, str]) -> Description:
    kind = found.get("type", "")
    number = KINDS.index(kind) if kind in KINDS else 0
    return Description(number, found.get("help", ""), found.get("unit", ""))
