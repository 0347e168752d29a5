"""Tenant federation: the series of several tenants as one selection, told apart by a label.

Every series gets the label `__tenant_id__`. A label of that name that a series has of its own is
shown, and selected, as `original___tenant_id__`. Matchers on `__tenant_id__` choose tenants; all
others are handed on to each tenant that is left. Replicas are made one within a tenant only.

Invariants:
* Codes of all frames are those of the federation's symbols: equal texts have equal codes, also
  where tenants live on shards with symbol tables of their own.
* Rows come tenant by tenant, in the order in which the tenants were given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from storage.catalog.metadata import Description
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.stale import is_stale
from storage.kernels.stops import pieces
from storage.labels.frames import LabelFrame, Symbols, empty_frame
from storage.labels.matchers import Matcher, text_test
from storage.labels.numbering import number_codes
from storage.read.exemplars import ExemplarSelection, stack_selections
from storage.read.usage import Usage, stacked
from storage.revisions.watch import Watch
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.merge import stack
from storage.samples.samples import Samples

TENANT_LABEL = "__tenant_id__"
ORIGINAL = "original_"
OWN_TENANT_LABEL = ORIGINAL + TENANT_LABEL
# Of Python's: so many take a few milliseconds.
TEXTS_AT_ONCE = 1 << 12

MatcherSets = Sequence[Sequence[Matcher]]


class MemberSelection(Protocol):
    """What one tenant's querier selected."""

    @property
    def labels(self) -> LabelFrame: ...

    def read(self, first_row: int, end_row: int) -> Samples: ...

    def read_origins(self, first_row: int, end_row: int) -> Samples: ...

    def replicas(self) -> LabelFrame: ...


class Member(Protocol):
    """A querier of one tenant."""

    @property
    def symbols(self) -> Symbols: ...

    @property
    def counters_differ(self) -> bool: ...

    @property
    def has_aggregates(self) -> bool: ...

    @property
    def aggregated_until_ms(self) -> int: ...

    @property
    def losses(self) -> tuple[str, ...]: ...

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> MemberSelection: ...

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame: ...

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage: ...

    def exemplars(
        self, matcher_sets: MatcherSets, start_ms: int, end_ms: int
    ) -> ExemplarSelection: ...

    def metadata(self, family: str = "") -> Mapping[str, tuple[Description, ...]]: ...

    def head_chunks(self) -> int: ...

    def watches(self) -> tuple[Watch, ...]: ...


@dataclass(frozen=True, slots=True)
class FederatedSelection:
    """The selections of several tenants under each other. Part i has rows starts[i]:starts[i+1]."""

    labels: LabelFrame
    parts: tuple[MemberSelection, ...]
    starts: Int64s

    @property
    def expected_samples(self) -> int:
        return sum(getattr(part, "expected_samples", 0) for part in self.parts)

    @property
    def resolutions(self) -> tuple[int, ...]:
        read = (getattr(part, "resolutions", (0,)) for part in self.parts)
        return tuple(sorted({each for some in read for each in some})) or (0,)

    def read(self, first_row: int, end_row: int) -> Samples:
        return stack(
            [self.parts[i].read(first, end) for i, first, end in self._within(first_row, end_row)]
        )

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """Like read(); the values are rows of replicas()."""
        counts = [part.replicas().rows for part in self.parts]
        found = []
        for i, first, end in self._within(first_row, end_row):
            origins = self.parts[i].read_origins(first, end)
            numbers = shifted_numbers(origins.values, sum(counts[:i]))
            found.append(replace(origins, values=numbers))
        return stack(found)

    def replicas(self) -> LabelFrame:
        """The replicas of all parts under each other."""
        return stack_frames(self.labels.symbols, [part.replicas() for part in self.parts])

    def _within(self, first_row: int, end_row: int) -> list[tuple[int, int, int]]:
        """The parts that have some of the rows: number, own first row, own end row."""
        found = []
        for i in range(len(self.parts)):
            start, end = int(self.starts[i]), int(self.starts[i + 1])
            first, last = max(first_row, start), min(end_row, end)
            if first < last:
                found.append((i, first - start, last - start))
        return found


class FederatedQuerier:
    """The queriers of several tenants as one. Used by one query, from any thread."""

    def __init__(self, members: Sequence[tuple[str, Member]]) -> None:
        """members: tenants with their queriers, each tenant once."""
        self._members = tuple(members)
        self.symbols = Symbols()

    @property
    def counters_differ(self) -> bool:
        return any(querier.counters_differ for _, querier in self._members)

    @property
    def has_aggregates(self) -> bool:
        return any(querier.has_aggregates for _, querier in self._members)

    @property
    def aggregated_until_ms(self) -> int:
        """The last time that aggregates of any tenant cover."""
        having = [querier for _, querier in self._members if querier.has_aggregates]
        return max((querier.aggregated_until_ms for querier in having), default=0)

    @property
    def may_have_aggregates(self) -> bool:
        """Whether sources beside the databases may have some."""
        return any(getattr(querier, "may_have_aggregates", False) for _, querier in self._members)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> FederatedSelection:
        """Raises LimitExceeded if a tenant has more series or samples than a limit allows."""
        chosen, rest = self._chosen(matchers)
        parts = [
            (tenant, querier.select(rest, start_ms, end_ms, hint)) for tenant, querier in chosen
        ]
        frames = [self._federated(tenant, part.labels) for tenant, part in parts]
        starts = np.concatenate([[0], np.cumsum([f.rows for f in frames])]).astype(np.int64)
        labels = stack_frames(self.symbols, frames)
        return FederatedSelection(labels, tuple(part for _, part in parts), starts)

    @property
    def losses(self) -> tuple[str, ...]:
        """What may be missing, by tenant."""
        return tuple(f"tenant {t}: {text}" for t, own in self._members for text in own.losses)

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage:
        """Of the selected series of all tenants."""
        parts = [
            (tenant, querier.usage(wanted, start_ms, end_ms))
            for tenant, querier, wanted in self._chosen_by_any(matcher_sets)
        ]
        labels = [self._federated(tenant, part.labels) for tenant, part in parts]
        return stacked([part for _, part in parts], stack_frames(self.symbols, labels))

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        """The selected series of all tenants, each once."""
        frames = [
            self._federated(tenant, querier.series(wanted, start_ms, end_ms))
            for tenant, querier, wanted in self._chosen_by_any(matcher_sets)
        ]
        return stack_frames(self.symbols, frames)

    def exemplars(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> ExemplarSelection:
        """The exemplars of the selected series. Raises LimitExceeded if a tenant has too many."""
        parts = [
            (tenant, querier.exemplars(wanted, start_ms, end_ms))
            for tenant, querier, wanted in self._chosen_by_any(matcher_sets)
        ]
        frames = [self._federated(tenant, part.labels) for tenant, part in parts]
        return stack_selections(stack_frames(self.symbols, frames), [part for _, part in parts])

    def metadata(self, family: str = "") -> dict[str, tuple[Description, ...]]:
        """The descriptions of families by all tenants, equal ones once."""
        merged: dict[str, dict[Description, None]] = {}
        for _, querier in self._members:
            for name, descriptions in querier.metadata(family).items():
                merged.setdefault(name, {}).update(dict.fromkeys(descriptions))
        return {name: tuple(found) for name, found in merged.items()}

    def watches(self) -> tuple[Watch, ...]:
        """Those of all members; none if one of them has none."""
        found = [querier.watches() for _, querier in self._members]
        return tuple(watch for each in found for watch in each) if all(found) else ()

    def head_chunks(self) -> int:
        """The chunks in memory of all tenants."""
        return sum(querier.head_chunks() for _, querier in self._members)

    def _chosen_by_any(
        self, matcher_sets: MatcherSets
    ) -> list[tuple[str, Member, list[list[Matcher]]]]:
        """The tenants that some of the sets choose, with what is left of these sets."""
        wanted: dict[str, list[list[Matcher]]] = {}
        for matchers in matcher_sets or [()]:
            chosen, rest = self._chosen(matchers)
            for tenant, _ in chosen:
                wanted.setdefault(tenant, []).append(rest)
        return [
            (tenant, querier, wanted[tenant])
            for tenant, querier in self._members
            if tenant in wanted
        ]

    def _chosen(
        self, matchers: Sequence[Matcher]
    ) -> tuple[list[tuple[str, Member]], list[Matcher]]:
        """The tenants that pass the matchers on tenants, and the matchers to hand on to them."""
        tests = [text_test(m) for m in matchers if m.name == TENANT_LABEL]
        chosen = [
            (tenant, querier)
            for tenant, querier in self._members
            if all(test(tenant) for test in tests)
        ]
        rest = [
            replace(m, name=TENANT_LABEL) if m.name == OWN_TENANT_LABEL else m
            for m in matchers
            if m.name != TENANT_LABEL
        ]
        return chosen, rest

    def _federated(self, tenant: str, labels: LabelFrame) -> LabelFrame:
        """A tenant's frame in the federation's codes and with the tenant's label."""
        frame = recode(labels, self.symbols)
        name, codes = TENANT_LABEL, np.full(frame.rows, self.symbols.code(tenant), np.int32)
        while codes.any():  # a label that is in the way moves on, so that rows stay distinct
            moved = frame.column(name)
            frame = frame.with_column(name, codes)
            name, codes = ORIGINAL + name, moved
        return frame


def recode(labels: LabelFrame, symbols: Symbols) -> LabelFrame:
    """The same labels as codes of other symbols. Each distinct text is looked at once."""
    names = labels.names
    codes = labels.matrix(names)
    distinct, places = number_codes(codes)
    known = np.empty(len(distinct), np.int32)
    for part in pieces(len(distinct), TEXTS_AT_ONCE):
        texts = labels.symbols.texts(distinct[part])
        known[part] = [symbols.code(text) for text in texts]
    recoded: Int32s = known[places]
    columns = {name: np.ascontiguousarray(recoded[:, i]) for i, name in enumerate(names)}
    return LabelFrame(symbols, labels.rows, columns)


def stack_frames(symbols: Symbols, frames: Sequence[LabelFrame]) -> LabelFrame:
    """The rows of all frames under each other, in codes of `symbols`."""
    if not frames:
        return empty_frame(symbols)
    twins = symbols.have_twins()
    frames = [f if f.symbols is symbols and not twins else recode(f, symbols) for f in frames]
    names = dict.fromkeys(name for frame in frames for name in frame.names)
    columns = {name: np.concatenate([f.column(name) for f in frames]) for name in names}
    return LabelFrame(symbols, sum(frame.rows for frame in frames), columns)


def shifted_numbers(numbers: Float64s, by: int) -> Float64s:
    """The numbers of replicas `by` higher; stale markers stay as they are."""
    higher = numbers.copy()
    higher[~is_stale(numbers)] += by
    return higher
