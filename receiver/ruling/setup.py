"""The ruler of the program: made with it, begun once the database is open, ended before that."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from api.promql.engine import Engine
from api.promql.features import Features
from api.sources.queriers import QuerierSource
from receiver.late_database import LateDatabase
from receiver.limits.gate import WriteGate
from receiver.limits.limits import NO_LIMITS
from receiver.ruling.asking import EngineAsking
from receiver.ruling.files import WatchedRules
from receiver.ruling.owned import OwnMemory, OwnSource
from receiver.ruling.results import WrittenResults
from receiver.ruling.terms import TermsOf, terms_source
from receiver.settings.config import Config, ConfigError
from receiver.settings.reloading import Reloadable, ReloadMetrics
from receiver.wire.decoder import WriteDecoder
from rules.errors import RulesError
from rules.ruler.file_sets import read
from rules.ruler.keeping import Keeper
from rules.ruler.metrics import RulerMetrics
from rules.ruler.ports import Notifier, RuleSource
from rules.ruler.running import Ruler
from rules.ruler.status import GroupStatus
from rules.ruler.terms import Services
from rules.ruler.turns import Turns
from storage.errors import StorageError
from storage.shard.shard import now_ms

logger = logging.getLogger(__name__)

# Queries of rules whose trees and plans are kept: those of all rules, so that each is parsed once.
QUERIES_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Around:
    """What of the program the ruler stands on. gate: what writes of senders pass; has: whether a
    tenant is this process' own."""

    features: Features
    queriers: QuerierSource
    database: LateDatabase
    decoder: WriteDecoder
    gate: WriteGate
    registry: CollectorRegistry
    reload_metrics: ReloadMetrics
    has: Callable[[str], bool] = lambda tenant: True


def check_rules(config: Config, features: Features) -> None:
    """Raise ConfigError where the ruler would."""
    options = config.rules
    terms_source(options, lambda _: NO_LIMITS, url="")
    try:
        read(options.files, options.tenant, features)
    except RulesError as error:
        raise ConfigError(str(error)) from error


def ruling_of(
    config: Config,
    around: Around,
    terms_of: TermsOf,
    notifier: Notifier,
    sources: Sequence[RuleSource] = (),
) -> Ruling:
    """The ruler that a configuration asks for. sources: where groups come from beside the files.
    Raises ConfigError."""
    options, watched = config.rules, []
    if options.files and config.program.role == "all":
        patterns, metrics = options.files, around.reload_metrics
        try:
            watched = [WatchedRules(patterns, options.tenant, around.features, metrics)]
        except RulesError as error:
            raise ConfigError(str(error)) from error
    return Ruling(Settings(config, terms_of), around, notifier, (*watched, *sources), watched)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is configured."""

    config: Config
    terms_of: TermsOf


class Ruling:
    """The ruler over the life of the program: there is none until the database is open."""

    def __init__(
        self,
        settings: Settings,
        around: Around,
        notifier: Notifier,
        sources: Sequence[RuleSource],
        watched: Sequence[Reloadable],
    ) -> None:
        """Use ruling_of(). watched: the files among the sources."""
        self._config, self._terms_of = settings.config, settings.terms_of
        self._around = around
        self._notifier = notifier
        self._sources = sources
        self.watched = watched
        self._ruler: Ruler | None = None
        self._metrics = RulerMetrics(around.registry)
        self._metrics.show(lambda: [] if self._ruler is None else self._ruler.running())
        self._begun: asyncio.Future[None] | None = None
        self._stopping = threading.Event()

    def groups(self, tenant: str) -> Sequence[GroupStatus]:
        """Those of one tenant; none before the ruler runs. For any thread."""
        return [] if self._ruler is None else self._ruler.groups(tenant)

    async def run(self) -> AsyncIterator[None]:
        """For the program's cleanup contexts."""
        if self._config.program.role != "all":
            yield
            return
        around, loop = self._around, asyncio.get_running_loop()
        engine = Engine(self._config.query, around.features, queries_kept=QUERIES_KEPT)
        results = WrittenResults(
            around.database, around.decoder, loop, now_ms=now_ms, rates=around.gate.ingestion
        )
        starting = asyncio.create_task(self._start(engine, results))
        yield
        self._stopping.set()
        results.stop()
        starting.cancel()
        await asyncio.wait([starting])
        if self._begun is not None:
            await asyncio.wait([self._begun])
        if self._ruler is not None:
            await asyncio.to_thread(self._ruler.stop)
        await asyncio.to_thread(engine.close)

    async def _start(self, engine: Engine, results: WrittenResults) -> None:
        await self._around.database.opened()
        ruler = self._made(engine, results)

        def begin() -> None:
            try:
                ruler.start()
                self._ruler = ruler
            except StorageError as error:
                logger.error("ruler not started error=%r", str(error))

        self._begun = asyncio.ensure_future(asyncio.to_thread(begin))

    def _made(self, engine: Engine, results: WrittenResults) -> Ruler:
        around = self._around
        memory = OwnMemory(around.database.rule_states, around.has)
        sources = [OwnSource(source, around.has) for source in self._sources]
        turns = Turns(self._config.rules.threads, lambda tenant: self._terms_of(tenant).threads)
        services = Services(
            asking=EngineAsking(around.queriers, engine, stopped=self._stopping.is_set),
            results=results,
            notifier=self._notifier,
            keeper=Keeper(memory),
            terms_of=self._terms_of,
            together=turns.together,
            now_ms=now_ms,
            features=around.features,
            observe_rule=self._metrics.rule_seconds.observe,
            observe_group=self._metrics.group_seconds.observe,
        )
        return Ruler(sources, memory, services, turns)
