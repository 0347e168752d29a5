"""Which label sets a store announces, so that queriers leave it out where it has nothing.

A querier asks a store unless each of its sets contradicts the query, a set being labels with a
value each. So sets are announced only if every series has all of those labels, and if there are no
more than SETS_MAX; else none are, and the store is always asked.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from api.params import ReplicaParams
from api.sources.queriers import QuerierSource
from api.times import MAX_TIME_MS, MIN_TIME_MS
from storage.labels.frames import LabelFrame

SETS_MAX = 500
# Queriers ask every 5 s, and label sets change rarely.
KEPT_S = 60.0
KEPT_MAX = 256
AS_STORED = ReplicaParams(False, None)

LabelSet = dict[str, str]


@dataclass(slots=True)
class Announcing:
    """The label sets of tenants, each kept for a while. names: of the labels that are announced."""

    source: QuerierSource
    names: tuple[str, ...] = ()
    clock_s: Callable[[], float] = time.monotonic
    _kept: OrderedDict[str, tuple[float, list[LabelSet] | None]] = field(
        default_factory=OrderedDict
    )

    def sets_of(self, tenants: Sequence[str]) -> list[LabelSet]:
        """The sets of all these tenants, each once; empty: nothing can be said."""
        found: dict[tuple[tuple[str, str], ...], LabelSet] = {}
        if not self.names:
            return []
        for tenant in tenants:
            sets = self._of(tenant)
            if sets is None:
                return []
            found |= {tuple(each.items()): each for each in sets}
            if len(found) > SETS_MAX:
                return []
        return [found[key] for key in sorted(found)]

    def _of(self, tenant: str) -> list[LabelSet] | None:
        now_s = self.clock_s()
        kept = self._kept.get(tenant)
        if kept is not None and now_s - kept[0] < KEPT_S:
            return kept[1]
        querier = self.source.querier([tenant], AS_STORED)
        sets = label_sets(querier.series([()], MIN_TIME_MS, MAX_TIME_MS), self.names)
        self._kept[tenant] = now_s, sets
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return sets


def label_sets(labels: LabelFrame, names: Sequence[str]) -> list[LabelSet] | None:
    """The distinct label sets of the rows; None if a row lacks one of the labels, or if there are
    too many."""
    columns = [labels.column(name) for name in names]
    if not all(bool(codes.all()) for codes in columns):
        return None
    rows = labels.group(names)[1]
    if len(rows) > SETS_MAX:
        return None
    own = labels.keep(names)
    return [own.labelset(row) for row in rows.tolist()]
