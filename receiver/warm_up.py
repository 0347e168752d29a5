"""Compiling and loading the kernels of the whole program before a request has to wait for them.

`compile_kernels` is for installations: it compiles all there are, those of imports and exports
too. `run_warm_up` is for a server: a thread that no one waits for loads those that the first
requests need, and compiles what is not found of them. Where others are missing, too, processes of
their own compile them meanwhile (receiver.compiling); each is loaded when it is called first. All
do what requests do, step by step, with examples.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager
from functools import partial

from api.answers.chosen import warm_tables
from api.answers.encoding import warm_encoder
from api.answers.exposition.warm_up import warm_scrapes
from api.answers.wire.warm_up import warm_messages
from api.promql import warm_up as query_steps
from api.thanos.warm_up import warm_store
from receiver.compiling.workers import Terms, run_steps
from receiver.importing import warm_up as import_steps
from receiver.late_database import LateDatabase
from receiver.metrics import ReceiverMetrics
from receiver.ruling.results import warm_results
from receiver.settings.options import ProgramOptions
from receiver.stores.bucket.warm_up import warm_bucket
from receiver.stores.warm_up import warm_stores
from receiver.wire.decoder import warm_decoder
from receiver.write.handler import WriteHandler
from rules.replay.warm_up import warm_replay
from storage import warm_up as storage_steps
from storage.kernels.cache import LOST
from storage.kernels.complete import compiling_alone, is_complete, mark_complete
from storage.kernels.jit import KERNELS
from storage.kernels.memory import forget_file_pages

logger = logging.getLogger(__name__)

Step = Callable[[], None]
# Queries of one step: enough steps for all processes to be busy up to the end.
QUERIES_OF_STEP = 24
# How long the database may take to open before kernels are loaded beside that.
OPENING_S = 5.0
# How much those processes that compile beside a server give way to it.
NICENESS = 10
# How often a server logs how far they are, and looks whether another one's have ended.
REPORT_S = 10.0


def first_steps() -> list[Step]:
    """What a first write and most queries need."""
    return [
        warm_decoder,
        storage_steps.write_first,
        storage_steps.read_first,
        partial(query_steps.warm_up, query_steps.FIRST),
        warm_encoder,
    ]


def steps() -> Iterator[Step]:
    """All that a server does, what requests need first before the rest. Steps need no order."""
    yield from first_steps()
    yield from storage_steps.STEPS
    texts = list(query_steps.queries())
    for first in range(0, len(texts), QUERIES_OF_STEP):
        yield partial(query_steps.warm_up, texts[first : first + QUERIES_OF_STEP])
    yield warm_tables
    yield warm_messages
    yield warm_store
    yield warm_scrapes
    yield warm_results
    yield warm_replay
    yield warm_stores


def all_steps() -> Iterator[Step]:
    """All that there is to compile, for a server and for the other commands."""
    yield from steps()
    yield from import_steps.STEPS
    yield warm_bucket


def compile_kernels(report: Callable[[int, int], None] = lambda done, total: None) -> bool:
    """Compile all kernels now, so that later starts find them on disk. Blocks.

    report: is called with how many steps are done, and of how many. Returns whether all was kept.
    """
    total = len(list(all_steps()))
    done = run_steps(
        Terms(run_step, own_only=True), range(total), report=lambda done: report(done, total)
    )
    return done and mark_complete(KERNELS)


def run_step(place: int) -> bool:
    """Whether all that this process has compiled so far was kept."""
    list(all_steps())[place]()
    return not LOST


class WarmUp:
    """What warms up beside a server. Its methods block, but for end()."""

    def __init__(self, on_decoder: Callable[[], None]) -> None:
        self._on_decoder = on_decoder
        self._ending = threading.Event()
        self._own_only = False

    def end(self) -> None:
        """Give up at the next occasion."""
        self._ending.set()

    def run(self) -> bool:
        """Whether all is warm now, or will be as soon as it is called: not if the program ends."""
        if is_complete(KERNELS):
            return self.load(first_steps())
        logger.info("kernels are compiled in the background; requests may wait for theirs")
        rest = threading.Thread(target=self.compile_missing, name="compile-kernels", daemon=True)
        rest.start()
        loaded = self.load(first_steps())
        rest.join()
        # What could not be kept on disk, or was not compiled, is compiled here.
        return loaded and (is_complete(KERNELS) or self.load(steps()))

    def improve(self) -> None:
        """Let other processes compile for this very processor what is there for any only."""
        self._own_only = True
        if not is_complete(KERNELS, own_only=True):
            logger.info("kernels are compiled for this processor in the background")
            self.compile_missing()

    def load(self, wanted: "list[Step] | Iterator[Step]") -> bool:
        """Run these steps; False if the program ends meanwhile."""
        for step in wanted:
            if self._ending.is_set():
                return False
            step()
            if step is warm_decoder:
                self._on_decoder()
        return True

    def compile_missing(self) -> None:
        """Let other processes compile all kernels, unless those of another server do that."""
        while not (self._ending.is_set() or is_complete(KERNELS, own_only=self._own_only)):
            with compiling_alone() as alone:
                if alone:
                    self.compile_all()
                    return
            self._ending.wait(REPORT_S)

    def compile_all(self) -> None:
        """Let other processes compile all kernels."""
        total = len(list(all_steps()))
        first = len(first_steps())
        # This process begins at the other end of what is needed first.
        places = [*reversed(range(first)), *range(first, total)]
        reported = time.monotonic()

        def report(done: int) -> None:
            nonlocal reported
            if time.monotonic() - reported > REPORT_S:
                reported = time.monotonic()
                logger.info("compiling kernels done=%d of=%d", done, total)

        terms = Terms(run_step, NICENESS, self._own_only)
        if run_steps(terms, places, report=report, stopped=self._ending.is_set):
            mark_complete(KERNELS)


async def run_warm_up(
    database: LateDatabase,
    handler: WriteHandler,
    metrics: ReceiverMetrics,
    turn: Callable[[], AbstractContextManager[None]],
    options: ProgramOptions,
) -> AsyncIterator[None]:
    """Compile or load the kernels while the program serves. turn: waits until this process may, in
    a thread."""
    loop = asyncio.get_running_loop()

    def decoder_is_warm() -> None:
        loop.call_soon_threadsafe(setattr, handler, "kernels_warm", True)

    warm_up = WarmUp(decoder_is_warm)

    def warm() -> None:
        with turn():
            warm_now()
        if options.own_kernels:
            warm_up.improve()

    def warm_now() -> None:
        started = time.monotonic()
        try:
            if not warm_up.run():
                return
        except (CancelledError, RuntimeError) as error:
            # A pool or the loop was closed under it: the program is ending.
            logger.info("kernels not warmed error=%r", error)
            return
        # Before anyone takes the program for warm: a query beside it would wait for its pages. What
        # first queries need is brought back, by what loads no kernel: that would need LLVM's.
        forget_file_pages()
        query_steps.warm_up(query_steps.FIRST)
        metrics.kernels_warm.set(1)
        logger.info("kernels warm seconds=%.1f", time.monotonic() - started)

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
    warm_up.end()
