"""The ruler: groups come, change, go and come back, and what is due is handed out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from rules.groups import Group
from rules.ruler.ports import RuleSet
from rules.ruler.running import Ruler, problem_of
from rules.ruler.terms import Terms
from rules.ruler.turns import Turns
from storage.catalog.rule_states import SavedGroup
from storage.errors import Overloaded
from tests.makers.rules.ruling import MINUTE, STALE, START, World, every, group_of, recording

LIMIT_S = 60.0


ONE = group_of(recording(("a", "vector(1)")))


class Source:
    """Groups that a test sets."""

    def __init__(self, **groups: Group) -> None:
        self.set = RuleSet(1, {})
        self.fails = False
        self.put("t", *groups.values())

    def put(self, tenant: str, *groups: Group) -> None:
        self.set = RuleSet(self.set.version + 1, {**self.set.groups, tenant: groups})

    def current(self) -> RuleSet:
        if self.fails:
            raise Overloaded("the catalog is busy")
        return self.set


class AtOnce:
    """Turns without threads: everything is done when it is put."""

    waiting = 0

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def put(self, tenant: str, work: Callable[[], None]) -> None:
        work()

    def together(self, tenant: str, parts: Sequence[Callable[[], None]]) -> None:
        for part in parts:
            part()


class Scene:
    """A ruler whose clock a test moves."""

    def __init__(self, source: Source, world: World | None = None) -> None:
        self.world = world or World()
        if "t" not in self.world.stores:
            self.world.put({"__name__": "m"}, every(MINUTE, 90 * MINUTE))
        self.source = source
        self.ruler = Ruler(
            [source], self.world.memory, self.world.services(), AtOnce()  # type: ignore[arg-type]
        )  # fmt: skip
        self.ruler.load()

    def at(self, *minutes: float) -> None:
        for minute in minutes:
            self.world.now_ms = START + int(minute * MINUTE)
            self.ruler.look()
            # What is due again at once is handed out in the next round of the clock.
            for _ in range(3):
                self.ruler.hand_out(self.world.now_ms)

    def seen(self, name: str) -> list[tuple[float, object]]:
        return [(at / MINUTE, value) for at, value in self.world.values(name)]


def named(record: str, file: str = "f.yml", **more: object) -> Group:
    return replace(group_of(recording((record, "m")), file), **more)  # type: ignore[arg-type]


def test_groups_run_when_they_are_due() -> None:
    source = Source(a=named("a"), b=named("b", name="h", interval_ms=2 * MINUTE))
    source.put("u", named("c"))
    scene = Scene(source)
    scene.world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE), "u")
    scene.at(0.5, 1, 1.5, 2, 3, 4)
    assert scene.seen("a") == [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0)]
    assert scene.seen("b") == [(2, 1.0), (4, 1.0)]
    assert len(scene.world.values("c", "u")) == 4
    assert [(each.file, each.name) for each in scene.ruler.groups("t")] == [
        ("f.yml", "g"),
        ("f.yml", "h"),
    ]
    assert [each.tenant for each in scene.ruler.groups("u")] == ["u"]
    assert scene.ruler.groups("v") == []


def test_groups_change_come_and_go() -> None:
    source = Source(a=named("a"))
    scene = Scene(source)
    scene.at(1)
    source.put("t", named("a", labels={"x": "y"}), named("b", name="h"))
    scene.at(2, 3)
    assert scene.seen("a") == [(1, 1.0), (2, 1.0), (2, STALE), (3, 1.0)]
    assert scene.seen("b") == [(2, 1.0), (3, 1.0)] or scene.seen("b") == [(3, 1.0)]
    source.put("t", named("b", name="h"))
    scene.at(3.5, 4, 5)
    assert [each.name for each in scene.ruler.groups("t")] == ["h"]
    assert scene.seen("a")[-1] == (3, 1.0)  # a renamed group may take them over
    assert ("t", "f.yml", "g") in scene.world.memory.kept
    scene.at(5.6)
    assert scene.seen("a")[-1] == (3.5, STALE)
    assert scene.world.memory.kept.keys() == {("t", "f.yml", "h")}
    scene.at(6)
    assert scene.seen("b")[-1] == (6, 1.0)


def test_a_renamed_group_takes_over_its_series() -> None:
    source = Source(a=named("a"))
    scene = Scene(source)
    scene.at(1)
    source.put("t", named("a", name="renamed"))
    scene.at(1.5, 2, 3, 4, 5)
    assert scene.seen("a") == [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0)]


def test_a_group_that_comes_back_in_time_goes_on() -> None:
    source = Source(a=named("a"))
    scene = Scene(source)
    scene.at(1)
    source.put("t")
    scene.at(1.2)
    source.put("t", named("a"))
    scene.at(1.4, 2, 3, 4, 5)
    assert scene.seen("a") == [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0)]
    assert scene.ruler.running()[0].counts.iterations == 5


def test_what_was_kept_of_groups_that_are_gone_is_forgotten() -> None:
    world = World()
    gone = ("t", "f.yml", "gone")
    world.memory.kept[gone] = SavedGroup(5)
    world.memory.kept["t", "f.yml", "g"] = SavedGroup(START - 3 * MINUTE)
    world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE))
    scene = Scene(Source(a=named("a")), world)
    assert gone not in world.memory.kept
    scene.at(1, 1, 1)
    assert [at for at, _ in scene.seen("a")] == [0, 1]  # there is no sample before
    assert scene.ruler.running()[0].counts.missed == 3


def test_a_source_that_cannot_be_read_leaves_things_as_they_are() -> None:
    source = Source(a=named("a"))
    scene = Scene(source)
    source.put("t")
    source.fails = True
    scene.at(1, 2)
    assert len(scene.seen("a")) == 2
    source.fails = False
    scene.at(3)
    assert scene.ruler.groups("t") == []


def test_a_clock_that_is_set_back() -> None:
    scene = Scene(Source(a=named("a")))
    scene.at(50, 51)
    scene.at(2, 3, 4)
    assert [at for at, _ in scene.seen("a")][-2:] == [3, 4]


def test_a_bug_in_a_group_does_not_stop_the_ruler(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(Source(a=named("a"), b=named("b", name="h")))
    broken, good = scene.ruler.running()
    calls: list[int] = []

    def run() -> None:
        calls.append(scene.world.now_ms)
        raise ValueError("BUG")

    monkeypatch.setattr(broken, "run", run)
    scene.at(1, 1.5, 2)
    assert calls == [START + MINUTE, START + 2 * MINUTE]
    assert len(scene.seen("b")) == 2
    assert good.counts.iterations == 2


@pytest.mark.parametrize(
    ("terms", "more", "problem"),
    [
        ({}, {}, ""),
        ({"rules_max": 1}, {}, ""),
        ({"rules_max": 1}, {"rules": named("a").rules * 2}, "it has 2 rules, allowed are 1"),
        ({"groups_max": 2}, {}, ""),
        ({"groups_max": 1}, {}, "allowed are 1 groups"),
        ({"interval_min_ms": MINUTE + 1}, {}, "its interval is 60000 ms"),
        ({"interval_min_ms": MINUTE + 1}, {"interval_ms": 0}, ""),
        ({}, {"source_tenants": ("u",)}, "it reads other tenants"),
        ({"federates": True}, {"source_tenants": ("u",)}, ""),
    ],
)
def test_groups_that_may_not_run(
    terms: dict[str, int], more: dict[str, object], problem: str
) -> None:
    found = problem_of(named("a", **more), 1, Terms(**terms))
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


def test_limits_leave_groups_out() -> None:
    scene = Scene(Source(a=named("a"), b=named("b", name="h")), World(groups_max=1))
    assert [group.name for group in scene.ruler.groups("t")] == ["g"]


def test_twenty_tenants_and_a_bad_one() -> None:
    """With threads and the real clock: one tenant's queries do not end, the others go on."""
    world = World(threads=2)
    let_go = threading.Event()
    tenants = [f"tenant-{number}" for number in range(19)]
    source = Source()
    for tenant in tenants:
        source.put(tenant, replace(ONE, interval_ms=100))
    bad = [replace(ONE, name=f"bad{number}", interval_ms=100) for number in range(30)]
    source.put("bad", *bad)
    stuck = threading.Semaphore(0)
    goes_on = {tenant: threading.Semaphore(0) for tenant in tenants}
    turns = Turns(4, lambda _: 2)

    class Asking:
        def ask(self, question: object) -> object:
            if question.tenants == ("bad",):  # type: ignore[attr-defined]
                stuck.release()
                assert let_go.wait(LIMIT_S)
            return world.ask(question)  # type: ignore[arg-type]

    class Results:
        def write(self, tenant: str, recorded: object) -> list[object]:
            if tenant in goes_on:
                goes_on[tenant].release()
            return []

    services = replace(
        world.services(),
        asking=Asking(),  # type: ignore[arg-type]
        results=Results(),  # type: ignore[arg-type]
        now_ms=lambda: time.time_ns() // 1_000_000,
        together=turns.together,
    )
    ruler = Ruler([source], world.memory, services, turns)
    ruler.start()
    for _ in range(2):
        assert stuck.acquire(timeout=LIMIT_S)
    for tenant in tenants:
        for _ in range(3):
            assert goes_on[tenant].acquire(timeout=LIMIT_S), tenant
    assert not stuck.acquire(blocking=False)  # no more than its share
    let_go.set()
    ruler.stop()
    assert all(world.memory.kept[tenant, "f.yml", "g"].slot_ms > 0 for tenant in tenants)


def test_notices_are_delivered_before_the_end_is_kept() -> None:
    scene = Scene(Source(one=ONE))
    scene.ruler.stop()
    assert scene.world.events == ["drain"]
