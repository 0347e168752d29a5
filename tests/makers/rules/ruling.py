"""A ruler without threads, time and disk: a clock that tests set, stores in memory, and notes of
what was written, sent and kept. The engine, groups and evaluation are the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from api.promql.engine import Engine
from api.promql.errors import QueryError
from api.promql.options import EngineOptions
from rules.evaluation.rows import Key
from rules.files.loader import load
from rules.groups import Group
from rules.memory import MemoryStore
from rules.ruler.group import RunningGroup
from rules.ruler.ports import Answer, NotAnswered, Notice, NotWritten, Question, Recorded, Refused
from rules.ruler.terms import Services, Terms
from storage.catalog.rule_states import GroupKey, SavedGroup
from storage.histograms.histograms import parts_of
from storage.kernels.stale import is_stale
from storage.read.federation import TENANT_LABEL
from tests.makers.bodies.v1 import fields_of

STALE = "stale"
MINUTE = 60_000
# A multiple of all intervals that tests use, so that aligned groups have a slot there.
START = 1_700_000_000_000 // 3_600_000 * 3_600_000
ENGINE = Engine(EngineOptions(threads=1))

ALERT = """groups:
- name: g
  interval: 1m
  rules:
  - record: seen
    expr: m
  - alert: High
    expr: m > 1
    for: 3m
    labels: {severity: page}
    annotations: {summary: "{{ $value }}"}
"""


def labels_of(recorded: Recorded) -> list[dict[str, str]]:
    """The label sets of what is written, decoded."""
    content, ends = recorded.label_bytes.tobytes(), recorded.label_offsets.tolist()
    return [
        dict(tuple(text.decode() for _, text in fields_of(pair)) for _, pair in fields_of(part))
        for part in (content[a:b] for a, b in zip(ends, ends[1:], strict=False))
    ]


def samples_of(recorded: Recorded) -> list[tuple[dict[str, str], int, object]]:
    """(labels, time, value) of each sample; stale markers are STALE, histograms their parts."""
    samples, found = recorded.samples, []
    stale = is_stale(samples.values).tolist()
    for row, labels in enumerate(labels_of(recorded)):
        for at in range(int(samples.offsets[row]), int(samples.offsets[row + 1])):
            place = -1 if samples.natives is None else int(samples.natives.rows[at])
            value: object = STALE if stale[at] else float(samples.values[at])
            if place >= 0:
                assert samples.natives is not None
                value = parts_of(samples.natives.histograms, place)
            found.append((labels, int(samples.timestamps[at]), value))
    return found


@dataclass
class NotedMemory:
    """Keeps in a dict, as the catalog does."""

    kept: dict[GroupKey, SavedGroup] = field(default_factory=dict)

    def load(self) -> dict[GroupKey, SavedGroup]:
        return dict(self.kept)

    def save(self, saved: Mapping[GroupKey, SavedGroup]) -> None:
        for key, group in saved.items():
            known = self.kept.get(key)
            alerts = {**(known.alerts if known else {}), **group.alerts}
            held = {mark: content for mark, content in alerts.items() if content}
            self.kept[key] = SavedGroup(group.slot_ms, held)

    def forget(self, keys: Sequence[GroupKey]) -> None:
        for key in keys:
            self.kept.pop(key, None)


@dataclass
class DirectKeeper:
    """Keeps at once what is put."""

    memory: NotedMemory

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def put(self, key: GroupKey, slot_ms: int, alerts: Mapping[str, bytes]) -> None:
        self.memory.save({key: SavedGroup(slot_ms, alerts)})

    def forget(self, key: GroupKey) -> None:
        self.memory.forget([key])

    def keep(self) -> bool:
        return True


class World:
    """Stores of tenants, the clock, and what the ruler did."""

    def __init__(self, **terms: object) -> None:
        self.now_ms = START
        self.terms = Terms(**{"external_url": "http://x", **terms})  # type: ignore[arg-type]
        self.terms_by_tenant: dict[str, Terms] = {}
        self.stores: dict[str, MemoryStore] = {}
        self.memory = NotedMemory()
        self.written: list[tuple[str, Recorded]] = []
        self.notices: list[tuple[str, Notice]] = []
        self.asked: list[Question] = []
        # What happened in which order.
        self.events: list[str] = []
        self.fails: dict[str, str] = {}
        self.refuses_all = ""
        self.may_help = False
        self.waiting: frozenset[Key] = frozenset()

    def store(self, tenant: str) -> MemoryStore:
        store = self.stores.setdefault(tenant, MemoryStore())
        store.until_ms = 1 << 62
        return store

    def put(
        self, labels: Mapping[str, str], samples: Iterable[tuple[int, float]], tenant: str = "t"
    ) -> None:
        """Samples at times after START."""
        self.store(tenant).put(labels, [(START + at, value) for at, value in samples])

    def services(self) -> Services:
        return Services(
            asking=self,
            results=self,
            notifier=self,
            keeper=DirectKeeper(self.memory),  # type: ignore[arg-type]
            terms_of=lambda tenant: self.terms_by_tenant.get(tenant, self.terms),
            together=lambda tenant, parts: [part() for part in parts],  # type: ignore[arg-type]
            now_ms=lambda: self.now_ms,
        )

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.expression in self.fails:
            raise NotAnswered(self.fails[question.expression])
        store = self.store(question.tenants[0])
        if len(question.tenants) > 1:
            store = federated({tenant: self.store(tenant) for tenant in question.tenants})
        try:
            result = ENGINE.instant_query(
                store, question.expression, question.time_ms, lookback_ms=question.lookback_ms
            )
        except QueryError as error:
            raise NotAnswered(str(error)) from error
        return Answer(result, 1, 2)

    def write(self, tenant: str, recorded: Recorded) -> Sequence[Refused]:
        self.events.append("write")
        if self.refuses_all:
            raise NotWritten(self.refuses_all, may_help=self.may_help)
        self.written.append((tenant, recorded))
        refused = []
        for labels, time_ms, value in samples_of(recorded):
            if value == STALE:
                self.store(tenant).end(tuple(sorted(labels.items())), time_ms)
                continue
            text = self.store(tenant).append(labels, time_ms, value)  # type: ignore[arg-type]
            if text:
                refused.append(Refused("contradiction", 1, text))
        return refused

    def send(self, tenant: str, notices: Sequence[Notice]) -> None:
        self.events.append(f"send with {len(self.memory.kept)} kept")
        self.notices += [(tenant, notice) for notice in notices]

    def drain(self) -> None:
        self.events.append("drain")

    def undelivered(self, tenant: str) -> frozenset[Key]:
        return self.waiting

    def group(self, text: str, tenant: str = "t", **more: object) -> RunningGroup:
        return RunningGroup(tenant, group_of(text), self.services(), **more)  # type: ignore[arg-type]

    def values(self, name: str, tenant: str = "t") -> list[tuple[int, object]]:
        """(time after START, value) of all that was written of a metric."""
        return [
            (time_ms - START, value)
            for owner, recorded in self.written
            for labels, time_ms, value in samples_of(recorded)
            if owner == tenant and labels["__name__"] == name
        ]


def federated(stores: Mapping[str, MemoryStore]) -> MemoryStore:
    """All series of several tenants, told apart."""
    together = MemoryStore()
    together.until_ms = 1 << 62
    for tenant, store in stores.items():
        for series in store._series.values():
            samples = list(zip(series.times, series.values, strict=True))
            together.put({**series.labels, TENANT_LABEL: tenant}, samples)
    return together


def group_of(text: str, file: str = "f.yml") -> Group:
    """The only group of a text; its fields are indented by two, below `groups:`."""
    loaded = load(text.encode(), file, is_extended=True)
    assert loaded.errors == ()
    (group,) = loaded.groups
    return replace(group, is_aligned=True)


def recording(*pairs: tuple[str, str], interval: str = "1m") -> str:
    """The text of a group of recording rules."""
    rules = "".join(f"  - record: {name}\n    expr: {expr}\n" for name, expr in pairs)
    return f"groups:\n- name: g\n  interval: {interval}\n  rules:\n{rules}"


def every(step_ms: int, until_ms: int, value: float = 1.0) -> list[tuple[int, float]]:
    """Equal samples, from 0 on."""
    return [(at, value) for at in np.arange(0, until_ms + 1, step_ms).tolist()]


def run_at(world: World, group: RunningGroup, *minutes: float) -> None:
    """Run a group at minutes after START."""
    for minute in minutes:
        world.now_ms = START + int(minute * MINUTE)
        group.run()
