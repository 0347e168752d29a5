"""Which samples of HA replicas are copies: the kernel, its rules, and that replay elects alike."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.batch import KIND_ELECTIONS, KIND_TENANT_RULES, Outcome
from storage.database import Database
from storage.head.kernels import COPY, REFUSED, UNSOUND
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.reasons import COPY_REF
from storage.shard import ingest, reigns
from storage.shard.elections import NO_COPIES, Elections, elect, levels_of
from storage.shard.reigns import REIGN, decode_reigns
from storage.tenants.rules import NO_RULES, HaRules, TenantRules
from tests.makers.batches import batch_of
from tests.makers.bodies.rich import WireHistogram, WireSeries, batch_v2
from tests.makers.databases import append, key, opened, read, seal, series, write
from tests.twins.storage.elections import NaiveElections

HA = TenantRules(ha=HaRules("cluster", "r", 30, 2))
INT64 = np.iinfo(np.int64)
POLICY = Policy(rules=lambda tenant: HA)

S = 1_000
sends = st.lists(
    st.tuples(
        st.integers(-1, 2),  # ref
        st.integers(0, 3),  # replica
        st.lists(st.tuples(st.integers(0, 120), st.integers(0, 4)), max_size=4),  # times, values
        st.sampled_from([-5, 0, 1, 1, 10, 40, 100]),  # how much later the request comes
    ),
    max_size=14,
)


def judge(
    elections: Elections, found: list[tuple[int, int, list[tuple[int, float]]]], arrival_ms: int
) -> list[bool]:
    """Judge one sample after the other of a request: (ref, replica, samples)."""
    batch = batch_of([series("up", points) for _, _, points in found])
    copies = elections.judge(
        1, batch, np.array([ref for ref, _, _ in found], np.int32),
        np.array([replica for _, replica, _ in found], np.uint64),
        arrival_ms=arrival_ms, accepted_ms=(10 * S, 100 * S), failover_ms=30 * S,
    )  # fmt: skip
    count = batch.sample_count
    return [False] * count if copies.places is None else (copies.places == COPY).tolist()


@settings(max_examples=400)
@given(sends, st.sampled_from([1, 20]), st.sampled_from([0, 4]))
def test_kernel_is_its_twin(
    sent: list[tuple[int, int, list[tuple[int, int]], int]], scale: int, kept_in: int
) -> None:
    """Half of them with a state that went through the log in between."""
    naive, elections, arrival = NaiveElections(30 * S), Elections(3), 0
    ids = np.array([70, 50, 90])
    for number, (ref, replica, found, later) in enumerate(sent):
        arrival += later * S
        points = [(t * S, v / scale) for t, v in found]
        wanted = [
            ref >= 0
            and replica > 0
            and naive.is_copy(ref, replica, (t, v), arrival, accepted=10 * S <= t <= 100 * S)
            for t, v in points
        ]
        assert judge(elections, [(ref, replica, points)], arrival) == wanted
        if number == kept_in:
            payloads, elections = list(elections.payloads(1, ids, arrival)), Elections(3)
            for payload in payloads:
                elections.load(1, payload, ids)


def test_what_was_unsound_before_elects_no_replica() -> None:
    places = np.array([UNSOUND, REFUSED, REFUSED], np.int64)
    count = elect(
        np.array([0, 0], np.int32), np.array([1, 2], np.uint64), np.array([0, 1, 3]),
        np.array([10, 11, 12]), np.ones(3), 0, 100, 5, 30, 7,
        np.zeros(3, np.int64), np.zeros(3, REIGN), places,
    )  # fmt: skip
    assert places.tolist() == [UNSOUND, REFUSED, REFUSED]
    assert count == 0


def test_times_at_the_ends_of_int64() -> None:
    elections = Elections(4)
    whole = (int(INT64.min) + 1, int(INT64.max))
    batch = batch_of([series("up", [(t, 1.0)]) for t in (whole[0], whole[1], 0)])
    refs, replicas = np.zeros(3, np.int32), np.array([1, 1, 2], np.uint64)
    found = []
    for arrival_ms in (0, 31):
        copies = elections.judge(
            1, batch, refs, replicas, arrival_ms=arrival_ms, accepted_ms=whole, failover_ms=30
        )
        assert copies.places is not None
        found.append((copies.places == COPY).tolist())
        replicas = replicas[::-1].copy()
    # The second time, the other replica takes over with a sample of the far future, and what it
    # sends of now is its, too.
    assert found == [[False, False, True], [True, False, False]]


def test_elections_of_long_ago_are_forgotten() -> None:
    elections = Elections(4)
    assert judge(elections, [(0, 1, [(20 * S, 1.0)])], 0) == [False]
    assert judge(elections, [(1, 1, [(20 * S, 1.0)])], 80_000 * S) == [False]
    assert len(decode_reigns(next(elections.payloads(1, np.arange(4), 86_401 * S)))[0]) == 1
    assert judge(elections, [(0, 2, [(21 * S, 1.0)])], 80_001 * S) == [False]
    assert judge(elections, [(1, 2, [(21 * S, 1.0)])], 80_001 * S) == [True]


def test_of_a_histogram_the_count_tells_of_a_step_back() -> None:
    def levels(count: float) -> list[float]:
        histogram = WireHistogram(timestamp=1, count=count, positive_spans=[(0, 1)], positive=[2])
        labels = {"__name__": "up"}
        return levels_of(batch_v2([WireSeries(labels, [(0, 7.0, 0)], [histogram])])).tolist()

    assert levels(2) == [7.0, 2.0]


def send(
    database: Database, replica: str, *times: int, at: int = 1000, name: str = "up"
) -> Outcome:
    """A request of one replica with one sample at each time; its value is the time."""
    points = [(t, float(t)) for t in times]
    return write(database, [series(name, points, cluster="c", r=replica)], arrival_ms=at)


def stored(database: Database, name: str = "up") -> list[int]:
    found = read(database, Matcher("__name__", "=", name))
    return [t for t, _ in found.get(key(name, cluster="c"), [])]


# Requests: (replica, when it comes, times of samples).
Request = tuple[str, int, list[int]]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([("a", 0, [0]), ("b", 5, [5]), ("a", 10, [10]), ("b", 15, [15])], [0, 10]),
        # The other one takes over after a silence of the failover timeout, not before, and stays.
        ([("a", 0, [0]), ("b", 29, [29])], [0]),
        ([("a", 0, [0]), ("b", 30, [30])], [0, 30]),
        ([("a", 0, [0]), ("b", 30, [30]), ("a", 40, [40]), ("b", 50, [50])], [0, 30, 50]),
        # Silence counts, not the distance of samples: one that catches up takes nothing over.
        ([("a", 0, [0]), ("b", 1, [3, 18, 33, 48, 63]), ("a", 2, [15, 30, 45])], [0, 15, 30, 45]),
        ([("a", 90, [0]), ("b", 91, [80]), ("a", 92, [15]), ("b", 93, [85])], [0, 15]),
        # It begins after the newest sample of the one before.
        ([("a", 50, [50]), ("b", 90, [10, 45, 55, 60])], [50, 55, 60]),
        # What either has of the time between comes late and is stored; of one of them only.
        ([("a", 0, [0]), ("b", 40, [40]), ("a", 41, [10, 20, 30, 40, 50])], [0, 10, 20, 30, 40]),
        ([("a", 0, [0]), ("b", 40, [40]), ("b", 41, [10, 20, 30])], [0, 10, 20, 30, 40]),
        ([("a", 0, [0]), ("b", 40, [40]), ("b", 41, [20]), ("a", 42, [10, 25])], [0, 10, 20, 40]),
        ([("a", 0, [0]), ("b", 40, [40]), ("a", 41, [25]), ("b", 42, [20, 30])], [0, 25, 30, 40]),
        # Nothing of a replica that was elected before these two.
        (
            [("a", 0, [0]), ("b", 40, [40]), ("c", 101, [101]), ("a", 102, [20]), ("b", 103, [60])],
            [0, 40, 60, 101],
        ),
        # One that sends more seldom than the timeout is not silent in between: no turns are taken.
        (
            [(r, at + k, [at + k]) for at in range(0, 900, 90) for k, r in ((0, "a"), (45, "b"))],
            [0, *range(45, 900, 90)],
        ),
        # ... and is silent one and a half times as long later.
        (
            [("a", t, [t]) for t in range(0, 361, 90)] + [("b", 495, [495]), ("b", 496, [496])],
            [0, 90, 180, 270, 360, 496],
        ),
        # Old samples are its own, and show that it is there.
        ([("a", 50, [50]), ("a", 79, [20]), ("b", 81, [81])], [20, 50]),
        # One sample of the far future does not keep the other from taking over.
        ([("a", 0, [900]), ("b", 20, [20]), ("b", 60, [60])], [60, 900]),
        # ... nor is it in the way of what the other has of now.
        ([("a", 0, [0]), ("b", 40, [940]), ("b", 50, [50]), ("a", 51, [45, 60])], [0, 45, 50, 940]),
    ],
)
def test_one_replica_is_stored(tmp_path: Path, sent: Sequence[Request], kept: list[int]) -> None:
    with opened(tmp_path, policy=POLICY) as database:
        outcomes = [send(database, replica, *times, at=at) for replica, at, times in sent]
        assert stored(database) == kept
        assert sum(o.accepted for o in outcomes) == sum(len(times) for _, _, times in sent)
        assert sum(o.accepted - o.copies for o in outcomes) == len(kept)
        assert not [o for o in outcomes if o.rejects]
        assert database._metrics.samples.labels("t")._value.get() == len(kept)
        copies = sum(o.copies for o in outcomes)
        assert database._metrics.copies.labels("t")._value.get() == copies
        assert len(read(database)) == 1
    with opened(tmp_path) as database:
        assert stored(database) == kept


def test_no_fall_where_another_replica_takes_over(tmp_path: Path) -> None:
    """The elected replica's last scrape was read late; the other one goes on 9 s later."""
    with opened(tmp_path, policy=POLICY) as database:
        for replica, at, points in (
            ("a", 20 * S, [(0, 0.0), (15 * S, 240.0)]),
            ("b", 60 * S, [(18 * S, 180.0), (24 * S, 240.0), (33 * S, 330.0)]),
            # Late ones of the first, of which one was read late, too.
            ("a", 61 * S, [(16 * S, 200.0), (20 * S, 250.0), (30 * S, 300.0)]),
        ):
            written = [series("up", [(t, v) for t, v in points], cluster="c", r=replica)]
            write(database, written, arrival_ms=at)
        (found,) = read(database).values()
    assert found == [
        (0, 0.0), (15 * S, 240.0), (16 * S, 200.0), (24 * S, 240.0), (33 * S, 330.0)
    ]  # fmt: skip


def test_series_are_judged_one_by_one_and_others_stay_as_they_are(tmp_path: Path) -> None:
    with opened(tmp_path, policy=POLICY) as database:
        send(database, "a", 0)
        send(database, "b", 1, name="only_b")
        write(database, [series("up", [(5, 1.0)], r="b"), series("up", [(5, 2.0)], cluster="c")])
        found = read(database)
    assert found == {
        key("up", cluster="c"): [(0, 0.0), (5, 2.0)],
        key("only_b", cluster="c"): [(1, 1.0)],
        key("up", r="b"): [(5, 1.0)],
    }


def test_copies_of_everything_a_request_may_hold(tmp_path: Path) -> None:
    histogram = WireHistogram(timestamp=10, count=2, positive_spans=[(0, 1)], positive=[2])
    broken = WireHistogram(timestamp=11, count=9)

    def request(replica: str, later: int) -> list[WireSeries]:
        labels = {"__name__": "up", "cluster": "c", "r": replica}
        samples = [(t + later, 1.0, 1) for t in (0, 5)]
        histograms = [replace(h, timestamp=h.timestamp + later) for h in (histogram, broken)]
        exemplars = [({"trace_id": replica}, 1.0, 5 + later)]
        return [WireSeries(labels, samples, histograms, exemplars)]

    with opened(tmp_path, policy=POLICY) as database:
        answers = [append(database, batch_v2(request(r, later))) for later, r in enumerate("ab")]
        for answer in answers:
            assert (answer.accepted, answer.histograms, answer.exemplars) == (3, 1, 1)
            assert [(r.reason, r.count) for r in answer.rejects] == [("histogram_invalid", 1)]
        assert [answer.copies for answer in answers] == [0, 3]
        assert [t for points in read(database).values() for t, _ in points] == [0, 5, 10]
        shard = database._shards[0]
        assert len(shard.active.exemplars.settled()) == 1
        # An exemplar alone is judged by who is elected.
        alone = [replace(one, samples=(), histograms=()) for one in request("b", 2)]
        assert append(database, batch_v2(alone)).exemplars == 1
        assert len(shard.active.exemplars.settled()) == 1


def test_a_request_of_copies_is_not_logged(tmp_path: Path) -> None:
    with opened(tmp_path, policy=POLICY) as database:
        wal = database._shards[0].wal
        send(database, "a", 0, at=0)
        records = len(list(wal.replay(1)))
        send(database, "b", 5, at=5)
        assert len(list(wal.replay(1))) == records
        send(database, "b", 0, 30, at=30)
        assert len(list(wal.replay(1))) == records + 1


def test_clusters_have_a_limit_and_replay_refuses_the_same(tmp_path: Path) -> None:
    def of(cluster: str) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
        return [series("up", [(1, 1.0)], cluster=cluster, r="a")]

    with opened(tmp_path, policy=POLICY) as database:
        first = write(database, of("x") + of("y") + of("z") + of("x"))
        assert [(r.reason, r.count) for r in first.rejects] == [("too_many_ha_clusters", 1)]
        assert "above the 2 " in first.rejects[0].message
        assert "ha_max_clusters in limits.file" in first.rejects[0].message
        assert write(database, of("y")).rejects == ()
        assert write(database, [series("up", [(1, 1.0)], cluster="w")]).rejects == ()
        wanted = read(database)
        assert len(wanted) == 3
    with opened(tmp_path) as database:
        assert read(database) == wanted


def test_what_is_known_of_copies() -> None:
    refs = np.array([3, 4], np.int32)
    assert NO_COPIES.refs_of_exemplars(refs) is refs
    some = replace(NO_COPIES, count=1, series=np.array([False, True]))
    assert some.refs_of_exemplars(refs).tolist() == [3, COPY_REF]
    assert not some.are_all_of(batch_of([series("up", [(1, 1.0), (2, 1.0)])]))
    assert some.are_all_of(batch_of([series("up", [(1, 1.0)])]))


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 40), min_size=1, max_size=3)),
        st.tuples(st.sampled_from(["seal", "restart", "crash", "other rules"]), st.just([])),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None)
@given(steps, st.lists(st.sampled_from([0, 1, 9, 50]), min_size=14, max_size=14))
def test_any_history_is_that_of_the_twin_and_survives(
    history: list[tuple[str, list[int]]], pauses: list[int]
) -> None:
    naive, kept, rules, lives, now = NaiveElections(30), set(), HA, 0, 1_000
    with TemporaryDirectory() as name, ExitStack() as stack:

        def live() -> Database:
            policy = Policy(rules=lambda tenant: rules)
            return stack.enter_context(opened(Path(name) / str(lives), policy=policy))

        database = live()
        with fixed_clock():
            for (step, offsets), pause in zip(
                [*history, ("crash", []), ("restart", [])], [*pauses, 0, 0], strict=False
            ):
                now += pause
                if step in ("a", "b"):
                    # No two replicas have a sample at the same moment.
                    times = [4 * offset + (step == "b") for offset in offsets]
                    kept |= {t for t in times if not naive.is_copy("up", step, (t, t), now)}
                    send(database, step, *times, at=now)
                    continue
                if step == "seal" and not database._shards[0].head_samples:
                    continue
                if step == "seal":
                    seal(database)
                elif step == "other rules":
                    rules = replace_series_max(rules)
                else:
                    if step == "crash":
                        shutil.copytree(Path(name) / str(lives), Path(name) / str(lives + 1))
                    stack.close()
                    lives += step == "crash"
                    with opened(Path(name) / str(lives), policy=Policy(rules=lambda _: NO_RULES)):
                        pass  # the rules of the day are of no account to what is in the log
                    database = live()
                assert stored(database) == sorted(kept)


def fixed_clock() -> AbstractContextManager[object]:
    """At seals it is the time of the requests."""
    return patch.object(ingest, "now_ms", lambda: 1_000)


@pytest.mark.parametrize("then", ["restart", "seal", "seal and restart", "full log", "other rules"])
def test_who_is_elected_outlives_everything(tmp_path: Path, then: str) -> None:
    small = {"head_samples_max": 20} if then == "full log" else {}
    rules = [HA]
    policy = Policy(rules=lambda tenant: rules[-1])
    with fixed_clock(), ExitStack() as stack:
        database = stack.enter_context(opened(tmp_path, policy=policy))
        for k in range(8):
            send(database, "a", 10 * k, 10 * k + 1, 10 * k + 2, at=1_000)
            send(database, "b", 10 * k + 3, at=1_000)
        if then.startswith("seal"):
            seal(database)
        if then == "other rules":
            rules.append(replace_series_max(HA))
        if then.endswith("restart") or then == "full log":
            stack.close()
            # Without a request in between, and with a head too small for the log.
            with opened(tmp_path, policy=policy, **small):
                pass
            database = stack.enter_context(opened(tmp_path, policy=policy))
        send(database, "b", 83, at=1_001)
        send(database, "a", 90, at=1_002)
        found = stored(database)
    assert found == [10 * k + i for k in range(8) for i in range(3)] + [90]


def test_elections_of_many_series_are_in_the_log(tmp_path: Path) -> None:
    names = [f"m{k}" for k in range(20)]
    with fixed_clock(), patch.object(reigns, "SERIES_PER_RECORD_MAX", 7):
        with opened(tmp_path, policy=POLICY) as database:
            for number, name in enumerate(names):
                send(database, "ab"[number % 2], 0, name=name, at=1_000)
            seal(database)
            records = list(database._shards[0].wal.replay(2))
            assert [record.kind for record in records] == [KIND_TENANT_RULES] + 3 * [KIND_ELECTIONS]
        with opened(tmp_path, policy=POLICY) as database:
            for number, name in enumerate(names):
                assert send(database, "ba"[number % 2], 5, name=name, at=1_001).copies == 1
                assert send(database, "ab"[number % 2], 6, name=name, at=1_001).copies == 0


def replace_series_max(rules: TenantRules) -> TenantRules:
    return TenantRules(series_max=rules.series_max + 100, ha=rules.ha)
