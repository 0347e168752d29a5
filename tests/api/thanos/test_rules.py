"""Rules as messages, against their bytes by hand, and which of them are asked for."""

from __future__ import annotations

import pytest

from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData
from api.forms import Params
from api.sources.rules import AlertFacts, GroupFacts, RuleFacts
from api.thanos.rules import RuleHandlers
from tests.makers.bodies.rich import double, integer
from tests.makers.bodies.v1 import fields_of
from tests.twins.wire.v1 import label, message

RECORDING = RuleFacts(False, "r:x", "sum(x)", {"a": "b"}, "ok", evaluation_seconds=0.5)
ALERT = RuleFacts(
    True,
    "Down",
    "up == 0",
    {"severity": "page"},
    "err",
    last_error="oh",
    last_evaluation=1.5,
    state="firing",
    for_seconds=60.0,
    keep_firing_seconds=30.0,
    annotations={"s": "t"},
    alerts=[AlertFacts({"i": "1"}, {"s": "u"}, "pending", 2_500, None, 1.5)],
)
NEVER = message(7, integer(1, (1 << 64) - 62_135_596_800))


class Book:
    """Two groups, the second of which has no alert."""

    def groups(self, tenant: str) -> list[GroupFacts]:
        if tenant != "t":
            return []
        second = GroupFacts("f", "b", 60.0, rules=[RECORDING])
        first = GroupFacts("f", "a", 1.0, 7, rules=[RECORDING, ALERT], evaluation_seconds=0.25)
        return [second, first]

    def alertmanagers(self, tenant: str) -> tuple[list[str], list[str]]:
        return [], []


def ask(body: bytes = b"", *tenants: str) -> list[bytes]:
    job = RuleHandlers(Book()).rules(Call(Params.parse(""), tenants or ("t",), {}, body))
    assert isinstance(job, Job)
    return [bytes(each) for each in job.run(Slot(1000, 0.0, lambda: False))]


def test_bytes() -> None:
    recording = message(1, b"r:x") + message(2, b"sum(x)") + message(3, label(b"a", b"b"))
    recording += message(4, b"ok") + double(6, 0.5) + NEVER
    alert = integer(1, 3) + message(2, b"Down") + message(3, b"up == 0") + double(4, 60.0)
    alert += message(5, label(b"severity", b"page")) + message(6, label(b"s", b"t"))
    instance = message(1, label(b"i", b"1")) + message(2, label(b"s", b"u")) + integer(3, 2)
    instance += message(4, integer(1, 2) + integer(2, 500_000_000)) + message(5, b"1.5e+00")
    alert += message(7, instance) + message(8, b"err") + message(9, b"oh")
    alert += message(11, integer(1, 1) + integer(2, 500_000_000)) + double(12, 30.0)
    group = message(1, b"a") + message(2, b"f")
    group += message(3, message(1, recording)) + message(3, message(2, alert))
    group += double(4, 1.0) + double(5, 0.25) + message(6, NEVER[2:]) + integer(9, 7)
    first, second = ask()
    assert first == message(1, group)
    assert message(3, message(1, recording)) in second


def rules_of(body: bytes) -> dict[str, list[str]]:
    """The names of rules by those of groups."""
    found = {}
    for each in ask(body):
        group = list(fields_of(dict(fields_of(each))[1]))  # type: ignore[arg-type]
        rules = [dict(fields_of(value)) for number, value in group if number == 3]  # type: ignore[arg-type]
        names = []
        for rule in rules:
            ((kind, content),) = rule.items()
            names.append(dict(fields_of(content))[kind].decode())  # type: ignore[arg-type, union-attr]
        found[dict(group)[1].decode()] = names  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize(
    "body, wanted",
    [
        (b"", {"a": ["r:x", "Down"], "b": ["r:x"]}),
        (integer(1, 1), {"a": ["Down"], "b": []}),
        (integer(1, 2), {"a": ["r:x"], "b": ["r:x"]}),
        (message(4, b"Down"), {"a": ["Down"], "b": []}),
        (message(5, b"b"), {"b": ["r:x"]}),
        (message(6, b"g"), {}),
        (message(3, b'{severity="page"}'), {"a": ["Down"], "b": []}),
        (integer(900, 1), {"a": ["r:x", "Down"], "b": ["r:x"]}),
    ],
)
def test_which_rules(body: bytes, wanted: dict[str, list[str]]) -> None:
    assert rules_of(body) == wanted


def test_rules_are_those_of_the_tenant() -> None:
    assert ask(b"", "u") == []


@pytest.mark.parametrize("body", [integer(1, 3), message(3, b"{"), message(3, b"{}"), b"\xff"])
def test_what_cannot_be_understood(body: bytes) -> None:
    with pytest.raises(BadData):
        ask(body)
