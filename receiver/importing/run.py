"""An import from its source to its target: read in a thread, a few requests in flight.

Invariant: a position is remembered once everything before it is durable.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from receiver.importing.parts import Source
from receiver.importing.state import State
from receiver.importing.targets import Target
from receiver.wire.v1.writer import requests_of

IN_FLIGHT_MAX = 4
# Of a request, uncompressed: an eighth of what a server takes by default.
BODY_BYTES_MAX, BODY_SAMPLES_MAX = 4 << 20, 200_000
SAVE_SECONDS = 1.0
PROGRESS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """A request, and how far the source is read once it is durable; None: as far as before."""

    payload: bytes | None
    samples: int
    mark: tuple[str, int] | None
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Flight:
    """A step on its way; sent: None where there is nothing to send."""

    sent: asyncio.Task[None] | None
    step: Step


def steps_of(source: Source, target: Target, state: State) -> Iterator[Step]:
    """The requests of all parts that are not done."""
    for part in source.parts(dict(state.done)):
        bodies: Iterator[tuple[bytes, int]] = iter(())
        if part.columns is not None:
            bodies = requests_of(
                part.columns, bytes_max=BODY_BYTES_MAX, samples_max=BODY_SAMPLES_MAX
            )
        about = part.metadata
        for body, samples in bodies:
            yield Step(target.prepare(about + body), samples, None)
            about = b""
        if about:
            yield Step(target.prepare(about), 0, None)
        yield Step(None, 0, (part.unit, part.position), part.stage)


class Progress:
    """Lines that say how far an import is."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._started = self._last = time.monotonic()
        self.samples = 0
        self.unit = ""

    def add(self, step: Step) -> None:
        """A request is durable."""
        self.samples += step.samples
        if step.mark is not None:
            self.unit = f"{step.mark[0]} at {step.mark[1]}"
            if step.stage:
                self.unit = f"{step.stage}, {step.mark[0]}"
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._last = time.monotonic()
            self._write(f"{self.line()}, {self.unit}")

    def line(self) -> str:
        seconds = time.monotonic() - self._started
        rate = self.samples / seconds if seconds > 0 else 0.0
        return f"{self.samples:,} samples in {seconds:.1f} s, {rate:,.0f} samples/s"


class Run:
    """One import while it goes on."""

    def __init__(self, source: Source, target: Target, state: State, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._state = state
        self._progress = progress
        self._flights: deque[Flight] = deque()
        self._saved = time.monotonic()

    async def run(self) -> None:
        """Import all of it. Raises ImportFailed; what was durable until then is remembered."""
        steps = steps_of(self._source, self._target, self._state)
        try:
            while (step := await asyncio.to_thread(next, steps, None)) is not None:
                task = None
                if step.payload is not None:
                    task = asyncio.create_task(self._target.send(step.payload))
                self._flights.append(Flight(task, step))
                await self._land(IN_FLIGHT_MAX)
            await self._land(0)
        finally:
            await self._give_up()
            self._state.save()

    async def _land(self, kept: int) -> None:
        """Wait until at most so many requests are in flight, and take what has landed."""
        while self._flights:
            task, step = self._flights[0].sent, self._flights[0].step
            flying = sum(flight.sent is not None for flight in self._flights)
            if task is not None:
                if not task.done() and flying <= kept:
                    return
                await task
            self._flights.popleft()
            self._progress.add(step)
            if step.mark is not None:
                self._state.set(*step.mark)
            if time.monotonic() - self._saved >= SAVE_SECONDS:
                self._state.save()
                self._saved = time.monotonic()

    async def _give_up(self) -> None:
        """End what is still in flight, after a failure."""
        for flight in self._flights:
            if flight.sent is not None:
                flight.sent.cancel()
                with suppress(Exception, asyncio.CancelledError):
                    await flight.sent
