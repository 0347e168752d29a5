"""Which samples of HA replicas are copies: the kernel, its rules, and that replay elects alike."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.batch import Outcome
from storage.database import Database, Policy
from storage.head.kernels import COPY, REFUSED, UNSOUND
from storage.labels.matchers import Matcher
from storage.reasons import COPY_REF
from storage.shard.elections import NO_COPIES, Elections, elect
from storage.tenants.rules import NO_RULES, HaRules, TenantRules
from tests.makers.batches import batch_of
from tests.makers.bodies.rich import WireHistogram, WireSeries, batch_2
from tests.makers.databases import append, key, opened, read, seal, series, write
from tests.twins.storage.elections import NaiveElections

HA = TenantRules(ha=HaRules("cluster", "r", 30, 2))
INT64 = np.iinfo(np.int64)
POLICY = Policy(rules=lambda tenant: HA)

sends = st.lists(
    st.tuples(
        st.integers(-1, 2),  # ref
        st.integers(0, 3),  # replica
        st.lists(st.integers(0, 120), max_size=4),  # times
    ),
    max_size=12,
)


@given(sends, st.sets(st.integers(0, 47)))
def test_kernel_is_its_twin(sent: list[tuple[int, int, list[int]]], unsound: set[int]) -> None:
    times = [t for _, _, found in sent for t in found]
    naive, wanted, k = NaiveElections(30), [], 0
    for ref, replica, found in sent:
        for t in found:
            judged = ref >= 0 and replica > 0 and k not in unsound
            is_copy = judged and naive.is_copy(ref, replica, t, accepted=10 <= t <= 100)
            wanted.append(COPY if is_copy else UNSOUND if k in unsound else REFUSED)
            k += 1
    places = np.array([UNSOUND if i in unsound else REFUSED for i in range(k)], np.int64)
    count = elect(
        np.array([ref for ref, _, _ in sent], np.int32),
        np.array([replica for _, replica, _ in sent], np.uint64),
        np.concatenate([[0], np.cumsum([len(found) for _, _, found in sent])]).astype(np.int64),
        np.array(times, np.int64), 10, 100, 30, 7,
        np.zeros(3, np.int64), np.zeros(3, np.uint64), np.zeros(3, np.int64), places,
    )  # fmt: skip
    assert places.tolist() == wanted
    assert count == wanted.count(COPY)


def test_times_at_the_ends_of_int64() -> None:
    elections = Elections(4)
    elections.begin_term(1)
    whole = (int(INT64.min) + 1, int(INT64.max))
    batch = batch_of([series("up", [(t, 1.0)]) for t in (whole[0], whole[1], 0)])
    refs, replicas = np.zeros(3, np.int32), np.array([1, 2, 1], np.uint64)
    copies = elections.judge(1, batch, refs, replicas, accepted_ms=whole, failover_ms=30)
    assert copies.places is not None
    assert (copies.places == COPY).tolist() == [False, False, True]


def send(database: Database, replica: str, *times: int, name: str = "up") -> Outcome:
    """A request of one replica with one sample at each time; its value is the time."""
    points = [(t, float(t)) for t in times]
    return write(database, [series(name, points, cluster="c", r=replica)], arrival_ms=1000)


def stored(database: Database, name: str = "up") -> list[int]:
    found = read(database, Matcher("__name__", "=", name))
    return [t for t, _ in found.get(key(name, cluster="c"), [])]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([("a", [0]), ("b", [5]), ("a", [10]), ("b", [15])], [0, 10]),
        # The other one takes over at the failover timeout, not before, and stays.
        ([("a", [0]), ("b", [29])], [0]),
        ([("a", [0]), ("b", [30])], [0, 30]),
        ([("a", [0]), ("b", [30]), ("a", [40]), ("b", [50])], [0, 30, 50]),
        ([("a", [0]), ("b", [30]), ("a", [40]), ("a", [60])], [0, 30, 60]),
        # In the middle of a request, too.
        ([("a", [0]), ("b", [10, 20, 30, 40])], [0, 30, 40]),
        # What counts is the newest sample, and times, not the order of arrival.
        ([("a", [50]), ("a", [20]), ("b", [55])], [20, 50]),
        ([("a", [50]), ("b", [0]), ("b", [10])], [50]),
        ([("a", [0]), ("b", [5]), ("c", [31]), ("b", [33]), ("a", [34])], [0, 31]),
    ],
)
def test_one_replica_is_stored(
    tmp_path: Path, sent: Sequence[tuple[str, list[int]]], kept: list[int]
) -> None:
    with opened(tmp_path, policy=POLICY) as database:
        outcomes = [send(database, replica, *times) for replica, times in sent]
        assert stored(database) == kept
        assert sum(o.accepted for o in outcomes) == sum(len(times) for _, times in sent)
        assert sum(o.accepted - o.copies for o in outcomes) == len(kept)
        assert not [o for o in outcomes if o.rejects]
        assert database._metrics.samples.labels("t")._value.get() == len(kept)
        copies = sum(o.copies for o in outcomes)
        assert database._metrics.copies.labels("t")._value.get() == copies
        assert len(read(database)) == 1
    with opened(tmp_path) as database:
        assert stored(database) == kept


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
        answers = [append(database, batch_2(request(r, later))) for later, r in enumerate("ab")]
        for answer in answers:
            assert (answer.accepted, answer.histograms, answer.exemplars) == (3, 1, 1)
            assert [(r.reason, r.count) for r in answer.rejects] == [("histogram_invalid", 1)]
        assert [answer.copies for answer in answers] == [0, 3]
        assert [t for points in read(database).values() for t, _ in points] == [0, 5, 10]
        shard = database._shards[0]
        assert len(shard.active.exemplars.settled()) == 1
        # An exemplar alone is judged by who is elected.
        alone = [replace(one, samples=(), histograms=()) for one in request("b", 2)]
        assert append(database, batch_2(alone)).exemplars == 1
        assert len(shard.active.exemplars.settled()) == 1


def test_a_request_of_copies_is_not_logged(tmp_path: Path) -> None:
    with opened(tmp_path, policy=POLICY) as database:
        wal = database._shards[0].wal
        send(database, "a", 0)
        records = len(list(wal.replay(1)))
        send(database, "b", 5)
        assert len(list(wal.replay(1))) == records
        send(database, "b", 6, 30)
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
    max_size=12,
)


@settings(max_examples=15, deadline=None)
@given(steps)
def test_any_history_is_that_of_the_twin_and_survives(history: list[tuple[str, list[int]]]) -> None:
    naive, kept, rules, lives = NaiveElections(30), set(), HA, 0
    with TemporaryDirectory() as name, ExitStack() as stack:

        def live() -> Database:
            policy = Policy(rules=lambda tenant: rules)
            return stack.enter_context(opened(Path(name) / str(lives), policy=policy))

        database = live()
        for step, offsets in [*history, ("crash", []), ("restart", [])]:
            if step in ("a", "b"):
                # No two replicas have a sample at the same moment.
                times = [4 * offset + (step == "b") for offset in offsets]
                kept |= {t for t in times if not naive.is_copy("up", step, t)}
                send(database, step, *times)
                continue
            if step == "seal" and not database._shards[0].head_samples:
                continue
            naive.begin_term()
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


def replace_series_max(rules: TenantRules) -> TenantRules:
    return TenantRules(series_max=rules.series_max + 100, ha=rules.ha)
