"""Writes of rules: through the loop of the program, again where that may help, never for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from receiver.ruling import results
from receiver.ruling.results import WrittenResults
from receiver.wire.decoder import WriteDecoder
from rules.ruler.columns import Part, joined, labelsets_of_keys
from rules.ruler.ports import NotWritten, Refused
from storage.batch import Batch, Outcome, Reject
from storage.errors import LimitExceeded, LogFailed, Overloaded, StorageError
from storage.tenants.ingestion import TICK_S, IngestionRates

RECORDED = joined([Part(labelsets_of_keys([(("__name__", "a"),)]), np.array([1.5]))], 7)


@dataclass
class FakeDatabase:
    """Answers as it is told, the last answer again and again."""

    answers: list[Outcome | StorageError]
    seen: list[tuple[str, int, list[int], list[float]]] = field(default_factory=list)
    waits: threading.Event | None = None

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        self.seen.append((tenant, arrival_ms, batch.timestamps.tolist(), batch.values.tolist()))
        batch.release()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, StorageError):
            raise answer
        return answer


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def written(
    database: FakeDatabase,
    loop: asyncio.AbstractEventLoop,
    rates: IngestionRates | None = None,
) -> WrittenResults:
    return WrittenResults(database, WriteDecoder(), loop, now_ms=lambda: 9, rates=rates)


def test_what_was_refused_is_reported(loop: asyncio.AbstractEventLoop) -> None:
    database = FakeDatabase([Outcome(0, (Reject("too_old", 2, "text"),))])
    assert written(database, loop).write("t", RECORDED) == [Refused("too_old", 2, "text")]
    assert database.seen == [("t", 9, [7], [1.5])]


def test_samples_are_noted_as_those_of_rules(loop: asyncio.AbstractEventLoop) -> None:
    seconds = [0.0]
    rates = IngestionRates(lambda: seconds[0])
    database = FakeDatabase([LogFailed("the disk is gone"), Outcome(1)])
    with pytest.raises(NotWritten):
        written(database, loop, rates).write("t", RECORDED)
    written(database, loop, rates).write("t", RECORDED)
    seconds[0] = TICK_S
    assert rates.of(["t"]) == (0.0, 1 / TICK_S)


def test_a_busy_database_is_asked_again(loop: asyncio.AbstractEventLoop) -> None:
    database = FakeDatabase([Overloaded("busy"), Overloaded("busy"), Outcome(1)])
    assert written(database, loop).write("t", RECORDED) == []
    assert len(database.seen) == 3


@pytest.mark.parametrize("error", [LimitExceeded("no room"), LogFailed("the disk is gone")])
def test_what_will_not_help_is_not_tried(
    loop: asyncio.AbstractEventLoop, error: StorageError
) -> None:
    database = FakeDatabase([error])
    with pytest.raises(NotWritten, match=str(error)):
        written(database, loop).write("t", RECORDED)
    assert len(database.seen) == 1


def test_patience_ends(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    database = FakeDatabase([Overloaded("busy")])
    monkeypatch.setattr(results, "PATIENCE_S", 0.2)
    with pytest.raises(NotWritten, match="busy"):
        written(database, loop).write("t", RECORDED)
    stopped = written(database, loop)
    monkeypatch.setattr(results, "PATIENCE_S", 10_000.0)
    stopped.stop()
    with pytest.raises(NotWritten, match="busy"):
        stopped.write("t", RECORDED)


def test_a_loop_that_is_closed() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(NotWritten, match="the server is stopping"):
        written(FakeDatabase([Outcome(1)]), loop).write("t", RECORDED)
