"""The methods that queriers of Thanos call, by their full names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from api.endpoints.handler import Handler
from api.promql.engine import Engine
from api.sources.queriers import QuerierSource
from api.sources.rules import RuleBook
from api.thanos.announcing import Announcing
from api.thanos.exemplars import ExemplarHandlers
from api.thanos.info import COMPONENT, InfoHandlers
from api.thanos.labels import LabelHandlers
from api.thanos.metadata import MetadataHandlers
from api.thanos.querying import QueryHandlers
from api.thanos.rules import RuleHandlers
from api.thanos.series import SeriesHandlers
from api.thanos.stream import SeriesLimits, Threads
from api.thanos.targets import targets


@dataclass(frozen=True, slots=True)
class Method:
    """streams: whether the answer may have any number of messages, and not just one; of_tenants:
    whether it is about the tenants that a request names."""

    name: str
    handler: Handler
    streams: bool = True
    of_tenants: bool = True


@dataclass(frozen=True, slots=True)
class Sources:
    """What the methods are answered from. announced: the labels whose values are announced;
    label_sets: the sets that are announced instead, of a server that knows them; oldest_ms,
    may_read, component: as InfoHandlers has them; targets: what is scraped, by default nothing."""

    queriers: QuerierSource
    engine: Engine
    rules: RuleBook
    limits: SeriesLimits
    announced: tuple[str, ...]
    oldest_ms: Callable[[], int | None]
    may_read: Callable[[str], bool]
    component: str = COMPONENT
    label_sets: Callable[[], Sequence[Mapping[str, str]]] | None = None
    targets: Handler = targets


def methods_of(sources: Sources) -> list[Method]:
    queriers = sources.queriers
    labels = LabelHandlers(queriers)
    threads = Threads(sources.engine.executor, sources.engine.options.threads)
    series = SeriesHandlers(queriers, sources.limits, threads)
    query = QueryHandlers(queriers, sources.engine, now_ms=queriers.now_ms)
    announcing = Announcing(queriers, sources.announced)
    label_sets = sources.label_sets
    info = InfoHandlers(
        queriers.store,
        announcing.sets_of if label_sets is None else lambda tenants: label_sets(),
        oldest_ms=sources.oldest_ms,
        may_read=sources.may_read,
        component=sources.component,
    )
    return [
        Method("thanos.info.Info/Info", info.info, streams=False, of_tenants=False),
        Method("thanos.Store/Series", series.series),
        Method("thanos.Store/LabelNames", labels.names, streams=False),
        Method("thanos.Store/LabelValues", labels.values, streams=False),
        Method("thanos.Query/Query", query.query),
        Method("thanos.Query/QueryRange", query.query_range),
        Method("thanos.Exemplars/Exemplars", ExemplarHandlers(queriers, sources.engine).exemplars),
        Method("thanos.Metadata/MetricMetadata", MetadataHandlers(queriers).metadata),
        Method("thanos.Rules/Rules", RuleHandlers(sources.rules).rules),
        Method("thanos.Targets/Targets", sources.targets),
    ]
