"""What ends the program: a signal, or a database that cannot be opened."""

import asyncio
import logging
import signal
from collections.abc import Callable

from receiver.late_database import LateDatabase

logger = logging.getLogger(__name__)


def on_signals(stop: Callable[[], None], reload_now: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload_now)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def wait_for_end(database: LateDatabase, stop: asyncio.Event) -> int:
    """Wait for the signal, or for the failure to open; the exit code."""
    stopped = asyncio.ensure_future(stop.wait())
    opened = asyncio.ensure_future(database.opened())
    await asyncio.wait((stopped, opened), return_when=asyncio.FIRST_COMPLETED)
    if opened.done() and opened.exception() is not None:
        logger.error("database cannot be opened error=%r", str(opened.exception()))
        stopped.cancel()
        return 1
    opened.cancel()
    await stopped
    return 0
