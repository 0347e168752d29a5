"""A store as one of several processes reads it, for tests that need no processes: what is of others
comes by their sockets, from threads that answer out of the same store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from receiver.processes.place import Place
from receiver.processes.reading.answering import Answering
from receiver.processes.reading.asking import Asking, AskingMetrics
from receiver.processes.reading.held import Held
from receiver.processes.reading.view import SharedView
from receiver.processes.sockets import READS, Meeting
from storage.tenants.placement import Share, shard_of

PROCESSES = 3
VIEW = "queries"
IDLE_S = 600.0
BYTES_MAX = 1 << 30


class ApartView(SharedView):
    """A shared view with the others that it asks."""

    answering: tuple[Answering, ...] = ()


@contextmanager
def read_apart(
    own: Any, directory: Path, *, shards: int = PROCESSES, bytes_max: int = BYTES_MAX
) -> Iterator[ApartView]:
    """What the first of three processes reads of a store whose tenants are of all of them."""
    meeting = Meeting(directory)
    places = [Place(Share(number, PROCESSES), shards=shards) for number in range(PROCESSES)]
    metrics = AskingMetrics(CollectorRegistry())
    asking = Asking(meeting, PROCESSES, metrics, timeout_s=IDLE_S)
    others = []
    for place in places[1:]:
        other = Answering({VIEW: own}, Held(IDLE_S), bytes_max=bytes_max)
        other.listen(meeting.listen(place.share.number, READS))
        others.append(other)
    try:
        view = ApartView(own, VIEW, places[0], asking)
        view.answering = tuple(others)
        yield view
    finally:
        asking.close()
        for other in others:
            other.close()
        meeting.close()


def of_each_process(shards: int = PROCESSES) -> list[str]:
    """A tenant of each of the processes."""
    names = [f"tenant-{number}" for number in range(100)]
    return [
        next(name for name in names if shard_of(name, shards) % PROCESSES == number)
        for number in range(PROCESSES)
    ]
