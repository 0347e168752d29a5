"""Rules of tenants end to end: what a database refuses, and that replay judges as ingest did."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage.batch import KIND_SERIES_LEFT_OUT, Outcome
from storage.database import Database
from storage.errors import LimitExceeded
from storage.log.rules import RuleLog, loggable, split_left_out
from storage.policy import Policy
from storage.reasons import TENANT_SERIES_LIMIT
from storage.tenants.relabel import RelabelRule
from storage.tenants.rules import NO_RULES, HaRules, TenantRules, decode_rules, encode_rules
from tests.makers.batches import batch_of
from tests.makers.databases import Points, key, opened, read, seal, series, write


@dataclass
class Rules:
    """The rules of all tenants, to be changed at any time."""

    now: TenantRules = NO_RULES
    asked: list[str] = field(default_factory=list)

    def __call__(self, tenant: str) -> TenantRules:
        self.asked.append(tenant)
        return self.now

    @property
    def policy(self) -> Policy:
        return Policy(rules=self)


def drop(name: str) -> tuple[RelabelRule, ...]:
    fields = {"source_labels": ["__name__"], "regex": name, "action": "drop"}
    return (msgspec.convert(fields, RelabelRule),)


def reasons(outcome: Outcome) -> dict[str, int]:
    return {reject.reason: reject.count for reject in outcome.rejects}


def test_rules_decide_what_is_taken_and_the_message_names_the_setting(tmp_path: Path) -> None:
    rules = Rules(TenantRules(series_max=2, out_of_order_ms=100, grace_ms=10))
    with opened(tmp_path, policy=rules.policy) as database:
        written = write(database, [series(name, [(1000, 1.0)]) for name in "abc"], arrival_ms=1000)
        assert written.accepted == 2
        assert [(r.reason, r.count) for r in written.rejects] == [("tenant_series_limit", 1)]
        assert "above the 2 active ones" in written.rejects[0].message
        assert "max_global_series_per_user in limits.file" in written.rejects[0].message
        times = [(899, 1.0), (900, 1.0), (1010, 1.0), (1011, 1.0)]
        written = write(database, [series("a", times)], arrival_ms=1000)
        assert reasons(written) == {"too_old": 1, "too_far_in_future": 1}
        assert "out_of_order_time_window=100 ms in limits.file" in written.rejects[0].message
        assert "creation_grace_period=10 ms in limits.file" in written.rejects[1].message
    assert set(rules.asked) == {"t"}


def test_a_selector_may_match_what_the_tenant_may_fetch(tmp_path: Path) -> None:
    rules = Rules(TenantRules(fetched_series_max=2))
    with opened(tmp_path, policy=rules.policy) as database:
        write(database, [series(name, [(1, 1.0)]) for name in "abc"])
        with pytest.raises(LimitExceeded, match=r"at most 2 .*max_fetched_series_per_query"):
            read(database)
        rules.now = TenantRules(fetched_series_max=3)
        assert len(read(database)) == 3
    with (
        opened(tmp_path, policy=rules.policy, select_series_max=2) as database,
        pytest.raises(LimitExceeded, match=r"at most 2 .*storage\.select\.max-series"),
    ):
        read(database)


def test_dropped_samples_are_answered_as_accepted_and_counted(tmp_path: Path) -> None:
    rules = Rules(TenantRules(relabel=drop("up")))
    with opened(tmp_path, policy=rules.policy) as database:
        for _ in range(2):
            written = write(database, [series("up", [(1, 1.0), (2, 1.0)]), series("a", [(1, 1.0)])])
            assert (written.accepted, written.dropped, written.rejects) == (3, 2, ())
        assert read(database) == {key("a"): [(1, 1.0)]}
        assert database._metrics.dropped.labels("t")._value.get() == 4
        assert database._metrics.samples.labels("t")._value.get() == 2


def scenario(database: Database, rules: Rules) -> None:
    """Requests under rules that change between them."""
    names = [series(name, [(t, 1.0)]) for t, name in enumerate(("up", "down", "side"), 1000)]
    for changed in (
        TenantRules(relabel=drop("up")),
        TenantRules(series_max=1),
        TenantRules(out_of_order_ms=5),
        NO_RULES,
        TenantRules(labels_max=1, relabel=drop("side")),
    ):
        rules.now = changed
        write(database, names, arrival_ms=1003)
        names = [(labels, [(t + 5, v) for t, v in samples]) for labels, samples in names]
        if changed.series_max:
            seal(database)


@pytest.mark.parametrize("later", [NO_RULES, TenantRules(series_max=1, labels_max=1, grace_ms=0)])
def test_replay_judges_by_the_rules_of_its_time(tmp_path: Path, later: TenantRules) -> None:
    rules = Rules()
    live = tmp_path / "live"
    with opened(live, policy=rules.policy) as database:
        scenario(database, rules)
        wanted = read(database)
        shutil.copytree(live, tmp_path / "dead")
    assert wanted[key("up")] == [(1010, 1.0), (1015, 1.0), (1020, 1.0)]
    for _ in range(2):
        rules.now = later
        with opened(tmp_path / "dead", policy=rules.policy) as database:
            assert read(database) == wanted
            assert database._shards[0].table.registered(1) == len(wanted)


def test_a_series_that_was_refused_is_not_registered_by_replay(tmp_path: Path) -> None:
    rules = Rules(TenantRules(series_max=1))
    with opened(tmp_path, policy=rules.policy) as database:
        write(database, [series(name, [(1, 1.0)]) for name in "abc"])
    with opened(tmp_path) as database:
        assert list(read(database)) == [key("a")]
        assert len(database._shards[0].table) == 1


CHANGES = [
    NO_RULES,
    TenantRules(series_max=2),
    TenantRules(labels_max=1),
    TenantRules(relabel=drop("a")),
    TenantRules(series_max=3, out_of_order_ms=3, relabel=drop("b")),
]
Step = tuple[str, int]
steps = st.one_of(
    st.tuples(st.just("rules"), st.integers(0, len(CHANGES) - 1)),
    st.tuples(st.just("write"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["seal", "restart"]), st.just(0)),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(steps, max_size=12))
@example([("rules", 4), ("write", 0), ("write", 4), ("seal", 0)])
def test_any_history_of_rules_gives_the_same_after_a_restart(history: list[Step]) -> None:
    rules, now_ms = Rules(), 1000
    with TemporaryDirectory() as name, ExitStack() as stack:
        database = stack.enter_context(opened(Path(name), policy=rules.policy))
        for step, number in [*history, ("restart", 0)]:
            now_ms += 10
            if step == "rules":
                rules.now = CHANGES[number]
            elif step == "write":
                labels = {"l": "1"} if number % 2 else {}
                names = "abcde"[: 1 + number // 2]
                written = [series(n, [(now_ms - number, 1.0)], **labels) for n in names]
                write(database, written, arrival_ms=now_ms)
            elif step == "seal" and database._shards[0].head_samples:
                seal(database)
            else:
                wanted, before = with_samples(database), rules.now
                stack.close()
                rules.now = NO_RULES  # of no account to what is in the log
                database = stack.enter_context(opened(Path(name), policy=rules.policy))
                assert with_samples(database) == wanted
                rules.now = before


def with_samples(database: Database) -> dict[tuple[tuple[str, str], ...], Points]:
    """What is stored. A series whose samples were all refused is known, and no longer after a seal
    and a restart: that is no difference to anyone."""
    return {labels: samples for labels, samples in read(database).items() if samples}


def test_rules_are_logged_once_and_again_after_a_new_start() -> None:
    log, records = RuleLog(), []

    def append(kind: int, arrival_ms: int, tenant: str, payload: bytes) -> None:
        records.append((tenant, decode_rules(payload).series_max))

    def used(tenant: str, number: int) -> None:
        log.append(append, 0, tenant, TenantRules(series_max=number))

    for number in (0, 0, 1, 1, 2, 0, 0):
        used("t", number)
    used("u", 0)
    assert records == [("t", 1), ("t", 2), ("t", 0)]
    log.start_anew()
    used("u", 0)
    used("t", 0)
    assert records[3:] == [("t", 0)]


def test_rules_survive_their_encoding() -> None:
    rules = TenantRules(1, 2, 3, 4, 5, 6, 7, 8, drop("x"), HaRules("c", "r", 9, 10))
    assert decode_rules(encode_rules(rules)) == rules
    assert encode_rules(NO_RULES) == b"{}"
    assert decode_rules(b'{"series_max":1,"from_a_later_version":2}') == TenantRules(1)
    with pytest.raises(ValueError, match="rules of a tenant"):
        decode_rules(b"[]")


def test_a_request_is_logged_with_what_was_left_out() -> None:
    batch = batch_of([series("a", [(1, 1.0)]), series("b", [(1, 1.0)])])
    assert loggable(batch, np.array([1, -3], np.int32)) == (batch.kind, batch.payload)
    refs = np.array([1, -1 - TENANT_SERIES_LIMIT], np.int32)
    kind, payload = loggable(batch, refs)
    assert kind == KIND_SERIES_LEFT_OUT
    inner, body, left_out = split_left_out(payload)
    assert (inner, body, left_out.tolist()) == (batch.kind, batch.payload, [1])
    for cut in (0, 4, 8):
        with pytest.raises(ValueError, match="record"):
            split_left_out(payload[:cut])
