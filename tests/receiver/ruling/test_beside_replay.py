"""The same rules by the running ruler, and by a replay over the same samples at the same times.

The whole program evaluates the rules that are compared with Prometheus', too, over what is written
before. Its ruler has a clock that goes on once all groups have been evaluated, so that none is late
and all evaluations from the first to the last are compared: nothing is left out. The times of the
replay follow from the path of the file, as those of the ruler do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pytest

from api.promql.engine import Engine
from receiver.replaying.local import replayed
from receiver.settings.config import build
from rules.replay.outcome import Outcome
from rules.replay.run import NO_ONE, Wanted
from rules.replay.slots import Period
from storage.kernels.stale import STALE_NAN_BITS
from storage.tenants.tenant import DEFAULT_TENANT
from tests.agents.busy_target import BASE, lines_of
from tests.agents.test_rules_beside_prometheus import (
    FILE,
    INTERVAL_MS,
    RULES,
    Key,
    Series,
    approximately,
    both,
    groups_of,
    named,
    read,
    shown,
)
from tests.makers.real_api import RealApi, run_real_api
from tests.receiver.ruling.test_setup import until

EVALUATIONS = 24
SCRAPES = EVALUATIONS * INTERVAL_MS // 1000
STALE = float(np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0])
# Scrapes of the second target that fail, and the one before which it starts anew.
AWAY, ANEW = range(34, 40), 46
LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True, slots=True)
class Evaluated:
    """stored: all that the program holds; outcome: of the replay."""

    stored: Series
    outcome: Outcome


def node_lines(number: int) -> Iterator[str]:
    """Of a node at a scrape."""
    for cpu in range(2):
        for place, mode in enumerate(("idle", "iowait", "user")):
            used = BASE + number * (0.5 + cpu) / (1 + place)
            yield f'node_cpu_seconds_total{{cpu="{cpu}",mode="{mode}"}} {used}'
    yield f"node_load1 {number % 7 / 4}"
    yield f"node_memory_MemTotal_bytes {1 << 33}"
    yield f"node_memory_MemAvailable_bytes {(1 << 30) + number * 4096}"
    yield 'node_filesystem_size_bytes{fstype="ext4"} 1000'
    yield f'node_filesystem_avail_bytes{{fstype="ext4"}} {900 - number}'
    yield f'node_filesystem_readonly{{fstype="ext4"}} {int(number % 30 > 24)}'


def scraped(job: str, instance: str, lines: Iterator[str]) -> dict[Key, float]:
    found = {}
    for line in lines:
        match = LINE.fullmatch(line)
        assert match is not None, line
        labels = dict(LABEL.findall(match[2] or ""))
        labels |= {"__name__": match[1], "job": job, "instance": instance}
        found[tuple(sorted(labels.items()))] = float(match[3])
    return found


def scrape(number: int) -> dict[Key, float]:
    """All samples of one time."""
    found = scraped("busy", "a:1", lines_of(number, 0))
    if number not in AWAY:
        found |= scraped("busy", "b:1", lines_of(number - ANEW * (number >= ANEW), 5))
    return found | scraped("node", "c:1", node_lines(number))


def samples_from(start_ms: int) -> dict[Key, list[tuple[int, float]]]:
    """A scrape each second; what a scrape does not have any more ends with a stale marker."""
    found: dict[Key, list[tuple[int, float]]] = {}
    before: dict[Key, float] = {}
    for number in range(SCRAPES):
        now = scrape(number)
        for key, value in (dict.fromkeys(before, STALE) | now).items():
            found.setdefault(key, []).append((start_ms + number * 1000, value))
        before = now
    return found


async def evaluate(api: RealApi, clock: Clock) -> None:
    """All groups, one evaluation after the other."""
    samples = samples_from(clock.now_ms)
    await api.write(*((dict(key), own) for key, own in samples.items()), tenant=DEFAULT_TENANT)
    names = {group.name for group in groups_of()}

    async def latest() -> dict[str, str]:
        """When each group was evaluated last, by the clock."""
        status, data = await api.get("rules", tenant=DEFAULT_TENANT)
        assert status == 200, data
        return {group["name"]: group["lastEvaluation"] for group in data["groups"]}

    async def are_loaded() -> bool:
        return (await latest()).keys() == names

    async def are_evaluated() -> bool:
        times = [datetime.fromisoformat(text) for text in (await latest()).values()]
        return all(round(at.timestamp() * 1000) == clock.now_ms for at in times)

    await until(are_loaded)
    for _ in range(EVALUATIONS):
        clock.now_ms += INTERVAL_MS
        await until(are_evaluated)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    directory = tmp_path_factory.mktemp("ruler")
    start_ms = (int(time.time()) - SCRAPES) * 1000
    clock = Clock(start_ms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("receiver.ruling.setup.now_ms", clock)
        # The ruler is not woken where the clock goes on: it looks at it more often.
        patch.setattr("rules.ruler.running.LOOK_S", 0.01)
        settings = {"rules__files": str(FILE), "rules__tenant": DEFAULT_TENANT}
        run_real_api(directory, lambda api: evaluate(api, clock), **settings)
    config = build({"storage.path": str(directory), "storage.retention": "0"})
    wanted = Wanted(groups_of(str(FILE)), Period(start_ms + 1, clock.now_ms))
    with closing(Engine(config.query)) as engine:
        outcome = replayed(engine, config, [DEFAULT_TENANT], wanted, NO_ONE)
    return Evaluated(read(config), outcome)


@pytest.mark.parametrize("place", RULES, ids=named)
def test_a_replay_gives_what_the_ruler_recorded(
    evaluated: Evaluated, place: tuple[str, int]
) -> None:
    theirs, ours = both(evaluated.stored, evaluated.outcome, place)
    times = {at for samples in (*theirs.values(), *ours.values()) for at in samples}
    assert shown(ours, times) == approximately(shown(theirs, times))


def test_all_was_evaluated(evaluated: Evaluated) -> None:
    """Each time, by each group."""
    for group in groups_of():
        (slots,) = (own for key, own in evaluated.stored.items() if named_so(key, group.name))
        assert len(slots) == EVALUATIONS
        assert set(np.diff(sorted(slots)).tolist()) == {INTERVAL_MS}


def named_so(key: Key, group: str) -> bool:
    return dict(key)["__name__"] == f"{group}:slot"
