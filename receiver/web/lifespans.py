"""What begins and ends with the program: each part as an iterator that stops once in between.

Parts end in the opposite order of their beginnings.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from api.promql.engine import Engine
from receiver.access.guard import Guard
from receiver.late_database import LateDatabase, State
from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WebOptions
from receiver.settings.reloading import Reloader
from receiver.write.handler import WriteHandler

logger = logging.getLogger(__name__)

Lifespan = Callable[[], AsyncIterator[None]]


def add_lifespans(app: web.Application, *parts: Lifespan) -> None:
    """Have parts begin with an application, in this order."""

    def added(part: Lifespan) -> Callable[[web.Application], AsyncIterator[None]]:
        return lambda _: part()

    app.cleanup_ctx.extend(map(added, parts))


async def run_reloader(reloader: Reloader) -> AsyncIterator[None]:
    task = asyncio.create_task(reloader.run())
    yield
    task.cancel()


async def run_closed(
    guard: Guard, engine: Engine, write_handler: WriteHandler
) -> AsyncIterator[None]:
    """What has only to be closed at the end."""
    yield
    write_handler.close()
    await asyncio.to_thread(engine.close)
    guard.close()


async def run_database(
    database: LateDatabase, metrics: ReceiverMetrics, options: WebOptions
) -> AsyncIterator[None]:
    shutdown_timeout_s = options.shutdown_timeout_ms / 1000
    metrics.ready.set_function(lambda: database.state is State.OPEN)
    database.start()
    yield
    if not await database.close(shutdown_timeout_s):
        logger.warning(
            "database still being opened, left as it is seconds=%.0f", shutdown_timeout_s
        )
