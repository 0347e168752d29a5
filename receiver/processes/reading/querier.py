"""The querier of a tenant that another process has: what is asked is asked there.

What comes has the symbols of this querier. Of how long an answer stays true nothing is known here,
so that nothing of it is kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from receiver.processes.reading.asking import Asking
from receiver.processes.reading.packing import Selected, Wanted
from storage.catalog.metadata import Description
from storage.errors import QueryStopped
from storage.kernels.stops import look
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection
from storage.read.replicas.report import ReplicaGroup
from storage.read.usage import Usage
from storage.revisions.watch import Watch
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.merge import clip
from storage.samples.samples import Samples

MatcherSets = Sequence[Sequence[Matcher]]


class RemoteQuerier:
    """As a StorageQuerier of the process that has the tenant. Used by one query, from any
    thread."""

    def __init__(self, asking: Asking, owner: int, wanted: Wanted) -> None:
        self._asking, self._owner, self._wanted = asking, owner, wanted
        self.symbols = Symbols()
        self._losses: dict[str, None] = {}

    def want_all_or_nothing(self) -> None:
        self._wanted = replace(self._wanted, is_whole=True)

    @property
    def counters_differ(self) -> bool:
        return self._facts[0]

    @property
    def has_aggregates(self) -> bool:
        return self._facts[1]

    @property
    def aggregated_until_ms(self) -> int:
        return self._facts[2]

    @property
    def may_have_aggregates(self) -> bool:
        return self._facts[3]

    @property
    def losses(self) -> tuple[str, ...]:
        """What may be missing of what was asked for so far."""
        return tuple(self._losses)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> RemoteSelection:
        arguments = (list(matchers), start_ms, end_ms, hint)
        return RemoteSelection(self, self._asked("select", arguments))

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        found: LabelFrame = self._asked("series", (sets_of(matcher_sets), start_ms, end_ms))
        return found

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage:
        found: Usage = self._asked("usage", (sets_of(matcher_sets), start_ms, end_ms))
        return found

    def exemplars(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> ExemplarSelection:
        arguments = (sets_of(matcher_sets), start_ms, end_ms)
        found: ExemplarSelection = self._asked("exemplars", arguments)
        return found

    def metadata(self, family: str = "") -> Mapping[str, tuple[Description, ...]]:
        found: Mapping[str, tuple[Description, ...]] = self._asked("metadata", (family,))
        return found

    def head_chunks(self) -> int:
        return int(self._asked("head_chunks", ()))

    def watches(self) -> tuple[Watch, ...]:
        return ()

    def replica_report(
        self,
        matcher_sets: MatcherSets,
        start_ms: int,
        end_ms: int,
        *,
        cluster_labels: Sequence[str],
        stopped: Callable[[], bool],
    ) -> list[ReplicaGroup]:
        def check() -> None:
            look()
            if stopped():
                raise QueryStopped("the report was stopped")

        arguments = (sets_of(matcher_sets), start_ms, end_ms, tuple(cluster_labels))
        found: list[ReplicaGroup] = self._asked("replica_report", arguments, check)
        return found

    def held(self, operation: str, number: int, *arguments: int) -> Any:
        """What is asked of a selection that the other process holds."""
        return self._taken(self._question((operation, number, arguments)))

    def release(self, number: int) -> None:
        """A selection is read no more."""
        self._asking.release(self._owner, number)

    @cached_property
    def _facts(self) -> tuple[bool, bool, int, bool]:
        found: tuple[bool, bool, int, bool] = self._question(("facts", self._wanted, ()))
        return found

    def _asked(
        self, operation: str, arguments: Sequence[Any], stopped: Callable[[], None] = look
    ) -> Any:
        return self._taken(self._question((operation, self._wanted, tuple(arguments)), stopped))

    def _question(self, question: Sequence[Any], stopped: Callable[[], None] = look) -> Any:
        return self._asking.ask(self._owner, question, self.symbols, stopped)

    def _taken(self, answer: tuple[Any, tuple[str, ...]]) -> Any:
        found, losses = answer
        self._losses.update(dict.fromkeys(losses))
        return found


class RemoteSelection:
    """A selection that another process holds until no one has this any more."""

    def __init__(self, querier: RemoteQuerier, selected: Selected) -> None:
        self.labels = selected.labels
        self.expected_samples = selected.expected_samples
        self.resolutions = selected.resolutions
        self._querier, self._number, self._samples = querier, selected.number, selected.samples
        weakref.finalize(self, querier.release, selected.number).atexit = False

    def read(self, first_row: int, end_row: int) -> Samples:
        if self._samples is not None:
            return clip(self._samples, first_row, end_row)
        found: Samples = self._querier.held("read", self._number, first_row, end_row)
        return found

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        found: Samples = self._querier.held("read_origins", self._number, first_row, end_row)
        return found

    def replicas(self) -> LabelFrame:
        return self._replicas

    @cached_property
    def _replicas(self) -> LabelFrame:
        found: LabelFrame = self._querier.held("replicas", self._number)
        return found


def sets_of(matcher_sets: MatcherSets) -> list[list[Matcher]]:
    return [list(matchers) for matchers in matcher_sets]
