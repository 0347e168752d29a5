"""Processes that are handed steps of compiling one by one, and leave what they compile on disk.

They end with the process that started them, however that ends: what hands them steps is gone then.
"""

import contextlib
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from storage.kernels.cache import OWN_ONLY

logger = logging.getLogger(__name__)

# More processes than these would mostly compile what others are compiling, too.
PROCESSES_MAX = 4
# How often a caller that wants to stop is noticed.
LOOK_S = 0.2
END_S = 5.0

# Given a step's place, compiles it; whether all could be kept. Has to be a module's function.
RunStep = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Terms:
    """How workers work. niceness: added to that of this process; own_only: do not be content with
    what is there for any processor."""

    run_step: RunStep
    niceness: int = 0
    own_only: bool = False


def processes_here() -> int:
    """How many workers are of use on this machine."""
    return min(PROCESSES_MAX, len(os.sched_getaffinity(0)))


def run_steps(
    terms: Terms,
    places: Sequence[int],
    *,
    report: Callable[[int], None] = lambda done: None,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Let workers run these steps, in about this order. Blocks.

    report: is called with how many are done. Returns whether all were, and all was kept: not if a
    worker ended by itself, or `stopped` said so.
    """
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(terms)) for _ in range(processes_here())]
        return hand_out(workers, places, report, stopped)


class Worker:
    """One such process, for as long as the block lasts."""

    def __init__(self, terms: Terms) -> None:
        context = get_context("spawn")
        self.connection, self._theirs = context.Pipe()
        # A daemon: it is ended with Python, too.
        self._process: BaseProcess = context.Process(
            target=work, args=(self._theirs, terms), daemon=True
        )

    def __enter__(self) -> "Worker":
        self._process.start()
        # Theirs alone, so that its end is seen here.
        self._theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join(END_S)


def work(connection: Connection, terms: Terms) -> None:
    """Run the steps that arrive, until no one is there to send any."""
    # Ctrl-C is for whoever started this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(PermissionError):
        os.nice(terms.niceness)
    if terms.own_only:
        OWN_ONLY.set()
    # A compiler makes many objects and little garbage in cycles, and spends 15 % of its time on
    # looking for that else.
    gc.set_threshold(50_000, 20, 100)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            connection.send(terms.run_step(connection.recv()))


def hand_out(
    workers: Sequence[Worker],
    places: Sequence[int],
    report: Callable[[int], None],
    stopped: Callable[[], bool],
) -> bool:
    """Keep all workers busy until every step is done; whether all went well."""
    waiting = list(reversed(places))
    busy = []
    for worker in workers[: len(waiting)]:
        worker.connection.send(waiting.pop())
        busy.append(worker.connection)
    done, kept = 0, True
    while busy and not stopped():
        for connection in wait(busy, timeout=LOOK_S):
            assert isinstance(connection, Connection), "BUG: waited for something else"
            try:
                kept &= connection.recv()
            except (EOFError, ConnectionResetError):
                logger.warning("a process that compiles kernels ended by itself")
                kept = False
                busy.remove(connection)
                continue
            done += 1
            report(done)
            if waiting:
                connection.send(waiting.pop())
            else:
                busy.remove(connection)
    return kept and done == len(places)
