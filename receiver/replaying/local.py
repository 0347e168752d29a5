"""Replays rules over a data directory that is only read, and writes what they recorded to one that
no server runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from api.params import NO_WISHES
from api.promql.engine import Engine
from api.promql.queryable import Queryable
from receiver.importing.parts import Report
from receiver.importing.targets import DatabaseTarget
from receiver.looking import read_directory
from receiver.querying.local import querier
from receiver.replaying.writing import bodies_of
from receiver.settings.config import Config
from rules.replay.outcome import Outcome
from rules.replay.run import Wanted, Watching, replay
from storage.read.federation import FederatedQuerier
from storage.read_only import ReadOnlyDatabase


def replayed(
    engine: Engine, config: Config, tenants: Sequence[str], wanted: Wanted, watching: Watching
) -> Outcome:
    """The outcome. Raises ReplayRefused, ReplayStopped, and StorageError if the directory cannot be
    read. What a server compacts away meanwhile is read anew, from the start."""

    def work(database: ReadOnlyDatabase) -> Outcome:
        def base() -> Queryable:
            members = [(name, querier(database, config, name, NO_WISHES)) for name in tenants]
            return members[0][1] if len(members) == 1 else FederatedQuerier(members)

        return replay(engine, base, wanted, watching)

    return read_directory(config, work)


def write(
    config: Config, tenant: str, outcome: Outcome, *, with_alerts: bool
) -> tuple[int, Report]:
    """Write what was recorded; how many samples, and what was not taken. Raises TargetError."""
    report = Report()
    return asyncio.run(_write(config, tenant, outcome, report, with_alerts)), report


async def _write(
    config: Config, tenant: str, outcome: Outcome, report: Report, with_alerts: bool
) -> int:
    written = 0
    async with DatabaseTarget(config, tenant, report) as target:
        for body, samples in bodies_of(outcome, with_alerts=with_alerts):
            await target.send(target.prepare(body))
            written += samples
    return written
