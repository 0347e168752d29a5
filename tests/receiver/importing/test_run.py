"""An import remembers what is durable, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import snappy

from receiver.importing import run as running
from receiver.importing.errors import ImportFailed, SourceError, TargetError
from receiver.importing.parts import Part
from receiver.importing.run import IN_FLIGHT_MAX, Progress, Run
from receiver.importing.state import State
from receiver.wire.v1.writer import RequestColumns
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY
from storage.samples.samples import Samples
from tests.makers.batches import DECODER, label


class Numbers:
    """Parts of one sample each, with their number as time."""

    name = "numbers"

    def __init__(self, count: int, fails_at: int = -1, metadata: bytes = b"") -> None:
        self.count = count
        self.fails_at = fails_at
        self.metadata = metadata

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        text = np.frombuffer(label(b"__name__", b"m"), np.uint8)
        for k in range(done.get("u", 0), self.count):
            if k == self.fails_at:
                raise SourceError("no more")
            samples = Samples(np.array([0, 1]), np.array([k]), np.array([1.0]))
            columns = RequestColumns(text, np.array([0, len(text)]), samples)
            yield Part("u", k + 1, columns, self.metadata)
        yield Part("u", self.count, None, self.metadata, is_last=True)


class Memory:
    """Keeps what comes; answers when it is asked to, the newest first; fails at a number."""

    name = "memory"

    def __init__(self, fails_at: int = -1) -> None:
        self.times: list[int] = []
        self.descriptions = 0
        self.fails_at = fails_at
        self.flying = self.flying_max = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def prepare(self, body: bytes) -> bytes:
        return bytes(snappy.compress(body))

    async def send(self, payload: bytes) -> None:
        self.flying += 1
        self.flying_max = max(self.flying_max, self.flying)
        batch = DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)
        times = batch.timestamps.tolist()
        self.descriptions += 0 if batch.metadata is None else len(batch.metadata)
        batch.release()
        # Later ones are faster.
        await asyncio.sleep(0.01 if sum(times) % 3 == 0 else 0)
        self.flying -= 1
        if self.fails_at in times:
            raise TargetError("full")
        self.times += times


def run(source: Numbers, target: Memory, state: State) -> list[str]:
    lines: list[str] = []
    asyncio.run(Run(source, target, state, Progress(lines.append)).run())
    return lines


def test_all_parts_arrive_and_few_are_in_flight() -> None:
    target, state = Memory(), State(None, "k")
    run(Numbers(20), target, state)
    assert sorted(target.times) == list(range(20))
    assert state.done == {"u": 20}
    assert 1 < target.flying_max <= IN_FLIGHT_MAX + 1


def test_what_failed_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    target = Memory(fails_at=6)
    with pytest.raises(ImportFailed, match="full"):
        run(Numbers(20), target, State(path, "k"))
    done = State(path, "k").done["u"]
    assert done == 6
    assert set(range(done)) <= set(target.times)
    target.fails_at = -1
    run(Numbers(20), target, State(path, "k"))
    assert set(target.times) == set(range(20))
    assert target.times.count(3) == 1


def test_a_source_that_fails_keeps_what_it_gave(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with pytest.raises(ImportFailed, match="no more"):
        run(Numbers(20, fails_at=10), Memory(), State(path, "k"))
    assert State(path, "k").done["u"] <= 10
    target = Memory()
    run(Numbers(20), target, State(path, "k"))
    assert set(range(10, 20)) <= set(target.times)


def test_descriptions_come_once_with_their_part() -> None:
    target = Memory()
    about = b"\x1a\x03\x12\x01m"
    run(Numbers(3, metadata=about), target, State(None, "k"))
    assert target.descriptions == 4


def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(running, "SAVE_SECONDS", 0.0)
    lines = run(Numbers(3), Memory(), State(None, "k"))
    assert lines[-1].startswith("3 samples in ")
    assert lines[-1].endswith(", u at 3")
