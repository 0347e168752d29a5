"""Compiling and loading the kernels of the whole program before a request has to wait for them.

`compile_kernels` is for installations: it compiles all there are, those of imports and exports
too. `run_warm_up` is for a server: it loads those of requests in a thread that no one waits for,
and compiles what is not found on disk. Both do what requests do, step by step, with examples.
"""

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

from api.answers.chosen import warm_tables
from api.answers.encoding import warm_encoder
from api.answers.exposition.warm_up import warm_scrapes
from api.answers.wire.warm_up import warm_messages
from api.promql import warm_up as query_steps
from receiver.importing import warm_up as import_steps
from receiver.late_database import LateDatabase
from receiver.metrics import ReceiverMetrics
from receiver.ruling.results import warm_results
from receiver.wire.decoder import warm_decoder
from receiver.write.handler import WriteHandler
from rules.replay.warm_up import warm_replay
from storage import warm_up as storage_steps
from storage.kernels.cache import LOST
from storage.kernels.memory import forget_file_pages

logger = logging.getLogger(__name__)

Step = Callable[[], None]
# Numba compiles one kernel at a time in a process. More processes than these would mostly compile
# what others are compiling, too.
PROCESSES_MAX = 4
# Queries of one step: enough steps for all processes to be busy up to the end.
QUERIES_OF_STEP = 24
# How long the database may take to open before kernels are loaded beside that.
OPENING_S = 5.0


def steps() -> Iterator[Step]:
    """All that a server does, what requests need first before the rest. Steps need no order."""
    yield warm_decoder
    yield from storage_steps.STEPS
    texts = list(query_steps.queries())
    for first in range(0, len(texts), QUERIES_OF_STEP):
        yield partial(query_steps.warm_up, texts[first : first + QUERIES_OF_STEP])
    yield warm_encoder
    yield warm_tables
    yield warm_messages
    yield warm_scrapes
    yield warm_results
    yield warm_replay


def all_steps() -> Iterator[Step]:
    """All that there is to compile, for a server and for the other commands."""
    yield from steps()
    yield from import_steps.STEPS


def compile_kernels(report: Callable[[int, int], None] = lambda done, total: None) -> bool:
    """Compile all kernels now, so that later starts find them on disk. Blocks.

    report: is called with how many steps are done, and of how many. Returns whether all was kept.
    """
    total = len(list(all_steps()))
    processes = min(PROCESSES_MAX, len(os.sched_getaffinity(0)))
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=collect_rarely) as pool:
        pending = [pool.submit(run_step, place) for place in range(total)]
        for done, _ in enumerate(as_completed(pending), 1):
            report(done, total)
    return all(step.result() for step in pending)


def collect_rarely() -> None:
    """Let Python look for garbage in cycles less often: a compiler makes many objects and little
    such garbage, and spends 15 % of its time on the search else."""
    gc.set_threshold(50_000, 20, 100)


def run_step(place: int) -> bool:
    """Whether all that this process has compiled so far was kept."""
    list(all_steps())[place]()
    return not LOST


async def run_warm_up(
    database: LateDatabase, handler: WriteHandler, metrics: ReceiverMetrics
) -> AsyncIterator[None]:
    """Compile or load the kernels while the program serves."""
    loop = asyncio.get_running_loop()
    ending = threading.Event()

    def decoder_is_warm() -> None:
        handler.kernels_warm = True

    def warm() -> None:
        started = time.monotonic()
        try:
            for step in steps():
                if ending.is_set():
                    return
                step()
                if step is warm_decoder:
                    loop.call_soon_threadsafe(decoder_is_warm)
        except (CancelledError, RuntimeError) as error:
            # A pool or the loop was closed under it: the program is ending.
            logger.info("kernels not warmed error=%r", error)
            return
        metrics.kernels_warm.set(1)
        logger.info("kernels warm seconds=%.1f", time.monotonic() - started)
        forget_file_pages()

    async def start() -> None:
        # Opening the database is what everybody waits for: nothing should slow it down.
        opened = asyncio.ensure_future(database.opened())
        opened.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([opened], timeout=OPENING_S)
        opened.cancel()
        threading.Thread(target=warm, name="warm-up", daemon=True).start()

    starting = asyncio.create_task(start())
    yield
    starting.cancel()
    ending.set()
