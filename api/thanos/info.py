"""Info: what a querier has to know of a store before it asks.

InfoResponse   label_sets=1, component_type=2, store=3, rules=4, metric_metadata=5, targets=6,
               exemplars=7, query=8; of the last five it counts that they are there
StoreInfo      min_time=1, max_time=2, supports_sharding=3, supports_without_replica_labels=5,
               tsdb_infos=6 TSDBInfo
TSDBInfo       labels=1, min_time=2, max_time=3

A querier in distributed mode asks those for results that announce `query`, and takes label sets for
what tells the data of one from those of another. So it is announced only where there are any, which
are true of every series, and by no sidecar or gateway, whose data others may have, too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from api.endpoints.handler import Call, Job, Slot
from api.sources.store import Store
from api.thanos.fields import label_set, message, number, text

# What queriers list this server as: one that takes writes, and has what came just now.
COMPONENT = "receive"
FIRST_MS, LAST_MS = -(1 << 63), (1 << 63) - 1
LABEL_SETS, TYPE, STORE, RULES, METADATA, TARGETS, EXEMPLARS, QUERY = range(1, 9)
TSDB_INFOS = 6
SetsOf = Callable[[Sequence[str]], Sequence[Mapping[str, str]]]


class InfoHandlers:
    """The method over one store. sets_of: the label sets of tenants that are announced; oldest_ms:
    of what may be there, None if that is not known; may_read: whether the caller of the request at
    hand may read a tenant; component: what queriers list this server as."""

    def __init__(
        self,
        store: Store,
        sets_of: SetsOf,
        *,
        oldest_ms: Callable[[], int | None],
        may_read: Callable[[str], bool],
        component: str = COMPONENT,
    ) -> None:
        self._store = store
        self._sets_of = sets_of
        self._component = component
        self._oldest_ms = oldest_ms
        self._may_read = may_read

    def info(self, call: Call) -> Job:
        """Fails as long as the store is not open: a querier then leaves it out at once."""
        tenants = [tenant for tenant in self._store.tenant_names() if self._may_read(tenant)]

        def run(turn: Slot) -> Iterator[bytes]:
            oldest_ms = self._oldest_ms()
            span = FIRST_MS if oldest_ms is None else oldest_ms, LAST_MS
            yield response(self._sets_of(tenants), span, self._component)

        return Job(run, kind=hash("thanos.info.Info/Info"))


def response(
    label_sets: Sequence[Mapping[str, str]], span: tuple[int, int], component: str = COMPONENT
) -> bytes:
    """span: of what may be there, in ms."""
    first_ms, last_ms = span
    store = [number(1, first_ms), number(2, last_ms), number(3, True), number(5, True)]
    for labels in label_sets:
        about = label_set(1, labels) + number(2, first_ms) + number(3, last_ms)
        store.append(message(TSDB_INFOS, about))
    return b"".join(
        [
            *(label_set(LABEL_SETS, labels) for labels in label_sets),
            text(TYPE, component),
            message(STORE, b"".join(store)),
            message(RULES, b""),
            message(METADATA, b""),
            message(TARGETS, b""),
            message(EXEMPLARS, number(1, first_ms) + number(2, last_ms)),
            message(QUERY, b"") if label_sets and component == COMPONENT else b"",
        ]
    )
