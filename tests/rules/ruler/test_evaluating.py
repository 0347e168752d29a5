"""One rule of a running group: what fails is its own failure, and what its templates ask."""

from __future__ import annotations

from dataclasses import replace

from rules.evaluation.steps import Health
from rules.ruler.group import RunningGroup
from rules.ruler.terms import Services
from tests.makers.rules.ruling import ALERT, MINUTE, START, World, every, recording, run_at


def world_of(value: float = 2.0, **terms: object) -> World:
    world = World(**terms)
    world.put({"__name__": "m", "job": "x"}, every(MINUTE, 30 * MINUTE, value))
    return world


def test_a_bug_in_one_rule_is_its_own() -> None:
    world = world_of()

    class Broken:
        def ask(self, question: object) -> object:
            if getattr(question, "expression", "") == "m":
                raise AssertionError("BUG")
            return world.ask(question)  # type: ignore[arg-type]

    services: Services = replace(world.services(), asking=Broken())  # type: ignore[arg-type]
    plain = world.group(recording(("a", "m"), ("b", "m * 2")))
    group = RunningGroup("t", plain.group, services)
    run_at(world, group, 1)
    first, second = group.status().rules
    assert "internal error" in first.last_error
    assert second.health is Health.GOOD


def test_templates_may_ask_at_the_time_of_the_slot() -> None:
    text = ALERT.replace("{{ $value }}", "{{ query `m * 10` | first | value }}{{ $externalURL }}")
    world = world_of(query_offset_ms=30_000)
    group = world.group(text)
    run_at(world, group, 1)
    (alert,) = group.status().rules[1].alerts
    assert alert.annotations == {"summary": "20http://x"}
    asked = {question.expression: question.time_ms - START for question in world.asked}
    assert asked == {"m": 30_000, "m > 1": 30_000, "m * 10": MINUTE}
    bad = world.group(text.replace("m * 10", "m *"))
    run_at(world, bad, 2)
    assert bad.counts.failed_texts == 1
