"""Series that nothing holds are forgotten while the program runs, and nothing else changes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.segments.segment import SegmentMeta
from storage.shard.forgetting import SURVEY_EVERY_MS, Forgetting, is_among
from storage.shard.shard import now_ms
from storage.tenants.rules import HaRules, TenantRules
from tests.makers.bodies.exemplars import batch
from tests.makers.databases import WHOLE, append, key, opened, read, seal, series, write
from tests.storage.deletion.test_histories import Model, apply, check, points, spans, tenants
from tests.storage.read.test_exemplars import A, of, select

HOUR = 3_600_000
UP = Matcher("__name__", "=", "up")
FAR_MS = 1 << 50


def forget(database: Database, *, many: int = 1) -> None:
    """Forget what nothing holds, however little it is."""
    (writer,) = database._writers
    writer.forgetting = Forgetting(database._shards[0], many=many)
    writer.forgetting.survey(FAR_MS)
    seal(database)


def known(database: Database) -> int:
    return len(database._shards[0].table)


def test_memory_follows_what_is_alive(tmp_path: Path) -> None:
    """Churn: 100 new series an hour, and a retention of three hours."""
    sizes, symbols = [], []
    now = 100 * HOUR
    policy = Policy(clock=lambda: now)
    with opened(tmp_path, policy=policy, retention_ms=3 * HOUR) as database:
        for hour in range(12):
            now = (100 + hour) * HOUR
            fresh = [series("up", [(now, 1.0)], pod=f"{hour}-{i}") for i in range(100)]
            write(database, [*fresh, series("up", [(now, 2.0)], pod="steady")], arrival_ms=now)
            database._retention.run(database._shards[0], now)
            seal(database)
            forget(database)
            sizes.append(known(database))
            symbols.append(len(database._shards[0].table.symbols))
            expected = {
                key("up", pod=f"{h}-{i}")
                for h in range(max(0, hour - 3), hour + 1)
                for i in range(100)
            }
            assert set(read(database)) == {*expected, key("up", pod="steady")}
    assert sizes == [101, 201, 301, *[401] * 9]
    assert symbols[4:] == [symbols[4]] * 8
    with opened(tmp_path, policy=policy, retention_ms=3 * HOUR) as database:
        assert known(database) == 401
        assert read(database)[key("up", pod="steady")][-1] == (111 * HOUR, 2.0)


def test_what_comes_back_is_a_series_like_any_other(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1"), series("up", [(1, 1.0)], i="2")])
        database.deletions.delete_series("t", ((UP, Matcher("i", "=", "1")),), *WHOLE)
        database.deletions.clean("t")
        forget(database)
        assert known(database) == 1
        write(database, [series("up", [(1, 1.0)], i="1"), series("down", [(2, 1.0)])])
        assert read(database) == {
            key("up", i="1"): [(1, 1.0)],
            key("up", i="2"): [(1, 1.0)],
            key("down"): [(2, 1.0)],
        }
        ids = database._shards[0].table.ids[:3].tolist()
        assert len(set(ids)) == 3
    with opened(tmp_path) as database:
        assert len(read(database)) == 3


def test_samples_exemplars_and_repetitions_go_on(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("gone", [(1, 1.0)])])
        append(database, batch([of("a", (3, 2.0, "p"), x="1")]))
        write(database, [series("up", [(5, 1.0)])])
        seal(database)
        database.deletions.delete_series("t", ((Matcher("__name__", "=", "gone"),),), *WHOLE)
        database.deletions.clean("t")
        append(database, batch([of("a", (4, 2.0, "q"), x="1")]))
        forget(database)
        assert known(database) == 2
        again = write(database, [series("up", [(5, 1.0)])])
        assert (again.accepted, again.rejects) == (1, ())
        assert write(database, [series("up", [(5, 9.0)])]).rejects[0].reason == "duplicate"
        append(database, batch([of("a", (9, 2.0, "r"), x="1")]))
        found = select(database, [A])[key("a", x="1")]
        assert [time for time, *_ in found] == [3, 4, 9]
        write(database, [series("up", [(4, 1.0), (6, 1.0)])])
        assert read(database, UP) == {key("up"): [(4, 1.0), (5, 1.0), (6, 1.0)]}


def test_a_query_keeps_to_what_it_began_with(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("gone", [(1, 1.0)]), series("up", [(1, 1.0)], i="1")])
        append(database, batch([of("a", (3, 2.0, "p"), x="1")]))
        querier = database.querier("t", replica_labels=(), dedup=True)
        before = querier.select([UP], *WHOLE)
        database.deletions.delete_series("t", ((Matcher("__name__", "=", "gone"),),), *WHOLE)
        database.deletions.clean("t")
        for round_ in range(3):
            forget(database)
            more = [series(f"more_{round_}", [(1, 1.0)])]
            write(database, [*more, series("up", [(10 + round_, 1.0)], i="1")])
            append(database, batch([of("a", (4 + round_, 2.0, "q"), x="1")]))
            database.deletions.delete_series(
                "t", ((Matcher("__name__", "=", f"more_{round_}"),),), *WHOLE
            )
            database.deletions.clean("t")
        forget(database)
        write(database, [series("new", [(1, 1.0)]), series("up", [(20, 1.0)], i="1")])
        assert before.read(0, 1).timestamps.tolist() == [1]
        again = querier.select([UP], *WHOLE)
        assert again.labels.labelset(0) == {"__name__": "up", "i": "1"}
        assert again.read(0, 1).timestamps.tolist() == [1, 10, 11, 12, 20]
        frame = querier.series([], *WHOLE)
        names = [frame.labelset(row)["__name__"] for row in range(frame.rows)]
        assert names == ["up"], "with samples, of those it began with"
        exemplars = querier.exemplars([[A]], *WHOLE)
        assert exemplars.timestamps.tolist() == [3, 4, 5, 6]


def test_a_frozen_head_is_read_by_new_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("gone", [(1, 1.0)]), series("up", [(1, 1.0)], i="1")])
        database.deletions.delete_series("t", ((Matcher("__name__", "=", "gone"),),), *WHOLE)
        database.deletions.clean("t")
        write(database, [series("up", [(2, 1.0)], i="1"), series("late", [(5, 1.0)])])
        append(database, batch([of("a", (3, 2.0, "p"), x="1")]))
        go_on, register = threading.Event(), database._catalog.seal

        def wait(*given: Any) -> None:
            assert go_on.wait(30)
            register(*given)

        monkeypatch.setattr(database._catalog, "seal", wait)
        (writer,) = database._writers
        writer.forgetting = Forgetting(database._shards[0], many=1)
        writer.forgetting.survey(FAR_MS)
        writer._start_seal()
        shard = database._shards[0]
        assert shard.frozen is not None
        assert shard.frozen.table is not shard.table
        assert known(database) == 3
        write(database, [series("up", [(3, 1.0)], i="1"), series("new", [(7, 1.0)])])
        append(database, batch([of("a", (4, 2.0, "q"), x="1")]))
        write(database, [series("up", [(1, 5.0)], i="1")])
        expected = {
            key("up", i="1"): [(1, 1.0), (2, 1.0), (3, 1.0)],
            key("late"): [(5, 1.0)],
            key("new"): [(7, 1.0)],
            key("a", x="1"): [],
        }
        for done in range(2):
            if done:
                go_on.set()
                assert writer._sealing is not None
                writer._sealing.join()
            assert read(database) == expected
            assert select(database, [A])[key("a", x="1")] == [
                (3, 2.0, {"id": "p"}), (4, 2.0, {"id": "q"}),
            ]  # fmt: skip
            assert shard.active_series.count(1, 0) >= 3


def test_elections_hold_their_series_and_go_on(tmp_path: Path) -> None:
    rules = TenantRules(ha=HaRules("cluster", "r", 30_000))
    policy = Policy(rules=lambda tenant: rules)
    now = now_ms()
    with opened(tmp_path, policy=policy) as database:

        def send(replica: str, ms: int, name: str = "up") -> int:
            written = [series(name, [(ms, 1.0)], cluster="c", r=replica)]
            return write(database, written, arrival_ms=now).copies

        assert send("a", now) == 0
        write(database, [series("gone", [(now, 1.0)])], arrival_ms=now)
        for name in ("up", "gone"):
            database.deletions.delete_series("t", ((Matcher("__name__", "=", name),),), *WHOLE)
        database.deletions.clean("t")
        forget(database)
        assert known(database) == 1, "the election is still of use"
        assert send("b", now + 1) == 1
        assert send("a", now + 2) == 0
        assert read(database) == {key("up", cluster="c"): [(now + 2, 1.0)]}


def test_little_is_left_alone_and_surveys_are_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i=str(i)) for i in range(20)])
        shard, reads = database._shards[0], []
        ids = type(shard.files.series).ids

        def note(reader: Any, segments: tuple[SegmentMeta, ...]) -> Any:
            reads.append(len(segments))
            return ids(reader, segments)

        monkeypatch.setattr(type(shard.files.series), "ids", note)
        seal(database)
        database.deletions.delete_series("t", ((Matcher("i", "=~", "1|2"),),), *WHOLE)
        database.deletions.clean("t")
        forget(database, many=3)
        assert known(database) == 20, "two of twenty are neither many nor a good share"
        forgetting = Forgetting(shard, many=3)
        forgetting.survey(0)
        forgetting.survey(SURVEY_EVERY_MS)
        assert reads == [1, 1], "nothing is new"
        write(database, [series("up", [(2, 1.0)], i="7")])
        seal(database)
        forgetting.survey(SURVEY_EVERY_MS - 1)
        assert reads == [1, 1], "too early"
        assert forgetting.renewed() is None, "two of twenty are not many"
        assert reads == [1, 1, 1], "the segment that came since"
        forgetting.survey(SURVEY_EVERY_MS)
        assert reads == [1, 1, 1, 2]
        forgetting = Forgetting(shard, many=2)
        assert forgetting.renewed() is None, "without a survey nothing is known"
        forgetting.survey(0)
        renewed = forgetting.renewed()
        assert renewed is not None
        assert len(renewed.table) == 18


@pytest.mark.parametrize(("late_max", "left"), [(2, 3), (1, None)])
def test_segments_that_came_since_the_survey_are_looked_at(
    tmp_path: Path, late_max: int, left: int | None
) -> None:
    """As merges and seals bring them all the time; large ones are left to the next head."""
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i=str(i)) for i in range(4)])
        seal(database)
        database.deletions.delete_series("t", ((Matcher("i", "=~", "1|2"),),), *WHOLE)
        database.deletions.clean("t")
        forgetting = Forgetting(database._shards[0], many=1, late_max=late_max)
        forgetting.survey(0)
        write(database, [series("up", [(5, 1.0)], i="0"), series("new", [(5, 1.0)])])
        seal(database)
        renewed = forgetting.renewed()
        assert (renewed and len(renewed.table)) == left


def test_a_failure_costs_nothing_but_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1"), series("up", [(1, 1.0)], i="2")])
        database.deletions.delete_series("t", ((Matcher("i", "=", "1"),),), *WHOLE)
        database.deletions.clean("t")

        def fail(*_: object) -> None:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr("storage.series.table.SeriesTable.renewed", fail)
            forget(database)
        assert known(database) == 2
        forget(database)
        assert known(database) == 1
        assert read(database) == {key("up", i="2"): [(1, 1.0)]}


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9), unique=True))
def test_ids_among_others(ids: list[int], others: list[int]) -> None:
    found = is_among(np.array(ids, np.int64), np.array(sorted(others), np.int64))
    assert found.tolist() == [i in others for i in ids]


steps = st.one_of(
    st.tuples(st.just("write"), tenants, points),
    st.tuples(
        st.just("delete"), tenants, st.lists(st.integers(0, 4), min_size=1, max_size=2), spans
    ),
    st.tuples(st.just("clean"), tenants),
    st.tuples(st.just("forget")),
    st.tuples(st.just("restart")),
)


@settings(max_examples=40)
@given(st.lists(steps, max_size=14), spans)
def test_no_query_can_tell_that_series_were_forgotten(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple], span: tuple[int, int]
) -> None:
    path = tmp_path_factory.mktemp("data")
    model: Model = {}
    waiting = list(history)
    while True:
        with opened(path) as database:
            while waiting and waiting[0] != ("restart",):
                step = waiting.pop(0)
                if step == ("forget",):
                    held = held_series(database)
                    forget(database)
                    assert known(database) == held
                else:
                    apply(database, model, step)
                check(database, model, span)
        if not waiting:
            break
        waiting.pop(0)


def held_series(database: Database) -> int:
    """How many series segments and heads have."""
    shard = database._shards[0]
    ids = {int(i) for i in shard.files.series.ids(shard.view().segments)}
    for head in shard.view().heads:
        ids |= {int(shard.table.ids[ref]) for ref in head.refs_held(shard.table)}
    return len(ids)
