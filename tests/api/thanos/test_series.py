"""Series of a program over gRPC: order, parts, limits, and the same samples as remote read has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import snappy
from hypothesis import given, settings
from hypothesis import strategies as st

from api.endpoints.handler import Call, Job, Slot
from api.errors import AnswerTooLarge, BadData
from api.forms import Params
from api.promql.errors import QueryCanceled
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.sources.query_limits import NO_LIMITS, QueryLimits
from api.thanos import stream as stream_module
from api.thanos.errors import Incomplete
from api.thanos.series import SeriesHandlers
from api.thanos.stream import ALONE, SeriesLimits, Threads
from storage.errors import LimitExceeded
from tests.api.endpoints.test_remote_read import ALL, fill, post, read
from tests.makers.bodies.remote_read import CHUNKS, points_of, read_frames, request
from tests.makers.bodies.rich import WireSeries, body_v1
from tests.makers.fake_store import FakeStore
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import Answer, StoreClient, read_answer, series_request
from tests.makers.thanos.program import run_store

EVERYTHING = [("__name__", "=~", ".+")]
LIMITS = SeriesLimits(1 << 20, 1 << 30)
TURN = Slot(1000, 0.0, lambda: False)
LabelSets = list[dict[str, str]]


def test_samples_are_those_of_remote_read_with_all_replicas(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        _, _, body = await read(api, request([ALL], [CHUNKS]), path="read?dedup=false")
        wanted = points_of(read_frames(body))
        answer = await client.series(EVERYTHING, (0, 10**9))
        found = {one.labels: one.points() for one in answer.series}
        assert found.keys() == wanted.keys() and len(found) == 5
        # Stale markers are compared by their bits, as text.
        assert repr(found) == repr(wanted)
        assert answer.frames == [1] * 5
        assert max(len(c.points) for one in answer.series for c in one.chunks) == 120

    run_store(tmp_path, check)


def test_batches_hints_limits_and_labels_alone(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        assert (await client.series(EVERYTHING, batch=2)).frames == [2, 2, 1]
        assert (await client.series(EVERYTHING, batch=1)).frames == [1] * 5
        assert (await client.series(EVERYTHING, batch=64)).frames == [5]
        (hint,) = (await client.series(EVERYTHING, hints=True)).hints
        assert b"hintspb.SeriesResponseHints" in hint
        few = await client.series(EVERYTHING, limit=2)
        assert [labels["__name__"] for labels in few.labelsets] == ["a", "h"]
        for skip in (False, True):
            # A series counts only if it has something in the range.
            late = await client.series(EVERYTHING, (16_000, 16_000), skip_chunks=skip, limit=3)
            assert [labels["__name__"] for labels in late.labelsets] == ["h", "r", "z"]
        bare = await client.series(EVERYTHING, skip_chunks=True, batch=64)
        assert bare.frames == [5] and not any(one.chunks for one in bare.series)
        assert bare.labelsets == (await client.series(EVERYTHING)).labelsets
        nothing: list[Answer] = [
            await client.series([("__name__", "=", "none")]),
            await client.series(EVERYTHING, (5, 4)),
            await client.series(EVERYTHING, (10**10, 10**11), skip_chunks=True),
        ]
        assert nothing == [Answer()] * 3

    run_store(tmp_path, check)


def test_long_series_are_cut(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        values = np.random.default_rng(1).normal(size=20_000).tolist()
        samples = [(1000 * k, value) for k, value in enumerate(values)]
        series = [WireSeries({"__name__": name}, samples=samples) for name in "ab"]
        await post(api, snappy.compress(body_v1(series)), "t")
        answer = await client.series([("__name__", "=", "a")], batch=64)
        assert len(answer.sizes) > 20 and max(answer.sizes) < 5000
        assert [point for one in answer.series for point in one.points()] == samples

    run_store(tmp_path, check, settings={"grpc__max_frame_bytes": "4096"})


class Made:
    """A store in memory with series of these labels, each with a sample, and what asks it."""

    def __init__(self, labelsets: LabelSets, limits: QueryLimits = NO_LIMITS) -> None:
        store = FakeStore()
        self.querier = store.tenant("t")
        for place, labels in enumerate(labelsets):
            self.querier.write(labels, [(place, float(place))])
        self.source = QuerierSource(store, ReplicaDefaults(), lambda _: limits)

    def frames(
        self,
        turn: Slot = TURN,
        limits: SeriesLimits = LIMITS,
        threads: Threads = ALONE,
        **asked: Any,
    ) -> list[bytes]:
        handlers = SeriesHandlers(self.source, limits, threads)
        call = Call(Params.parse(""), ("t",), {}, series_request([("none", "=", "")], **asked))
        job = handlers.series(call)
        assert isinstance(job, Job)
        return [bytes(frame) for frame in job.run(turn)]

    def series(self, **asked: Any) -> Answer:
        return read_answer(self.frames(**asked))


NAMES, VALUES = ["a", "b", "r", "é", "Z"], ["", "1", "2", "10", "ü", "\U0001f600"]


def distinct(found: LabelSets) -> LabelSets:
    """Each label set once, without empty labels."""
    full = (tuple(sorted((n, v) for n, v in labels.items() if v)) for labels in found)
    return [dict(labels) for labels in dict.fromkeys(full)]


labelsets = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=12
).map(distinct)


def in_bytes(labels: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return sorted((name.encode(), value.encode()) for name, value in labels.items())


@given(labelsets, st.sets(st.sampled_from([*NAMES, "none"])), st.sampled_from([0, 2, 64]))
@settings(deadline=None)
def test_series_are_sorted_after_labels_were_taken_off(
    given_sets: LabelSets, without: set[str], batch: int
) -> None:
    answer = Made(given_sets).series(without=sorted(without), batch=batch)
    shown = [{n: v for n, v in labels.items() if n not in without} for labels in given_sets]
    # Equal ones are kept apart, each with its own samples.
    wanted = sorted(zip(map(in_bytes, shown), range(len(shown)), strict=True))
    assert [in_bytes(labels) for labels in answer.labelsets] == [labels for labels, _ in wanted]
    names = [[name.encode() for name, _ in one.labels] for one in answer.series]
    assert names == [sorted(each) for each in names]
    assert [one.points() for one in answer.series] == [[(k, float(k))] for _, k in wanted]


@given(labelsets, st.integers(1, 4), st.booleans(), st.sets(st.sampled_from(NAMES)), st.booleans())
@settings(deadline=None)
def test_shards_have_each_series_once(
    given_sets: LabelSets, total: int, is_by: bool, names: set[str], skip: bool
) -> None:
    made = Made(given_sets)
    asked: dict[str, Any] = {"without": ["r"], "skip_chunks": skip}
    parts = [
        made.series(shard=(k, total, is_by, sorted(names)), **asked).labelsets for k in range(total)
    ]
    whole = made.series(**asked).labelsets
    assert sorted(map(in_bytes, whole)) == sorted(in_bytes(each) for some in parts for each in some)


@pytest.mark.parametrize("stretch, rows", [(1, 1), (1, 3), (1 << 24, 2)])
def test_stretches_are_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretch: int, rows: int
) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        # Written in an order that is not that of labels.
        names = [f"m{k * 7 % 20:02}" for k in range(20)]
        samples = [(1, 1.0), (2, 2.0)]
        await api.write(*[({"__name__": name, "r": name[::-1]}, samples) for name in names])
        whole = await client.series(EVERYTHING, without=["__name__"])
        monkeypatch.setattr(stream_module, "STRETCH_SAMPLES", stretch)
        monkeypatch.setattr(stream_module, "MEMORY_ROWS", rows if stretch == 1 else 1 << 12)
        monkeypatch.setattr(stream_module, "BLOCK_ROWS", rows)
        for limit in (0, 7):
            parts = await client.series(EVERYTHING, without=["__name__"], limit=limit)
            assert parts.series == whole.series[: limit or None]

    run_store(tmp_path, check)


def test_limits_of_tenants_and_of_what_is_held() -> None:
    sets = [{"a": str(k)} for k in range(9)]
    with pytest.raises(LimitExceeded, match="exceeded series limit.* 9 .*max_series_per_query.* 8"):
        Made(sets, QueryLimits(series=8)).frames()
    with pytest.raises(LimitExceeded, match="exceeded samples limit.*max_samples_per_query"):
        Made(sets, QueryLimits(samples=8)).frames()
    with pytest.raises(BadData, match="max_total_query_length"):
        Made(sets, QueryLimits(length_ms=5)).frames(span=(0, 6))
    with pytest.raises(AnswerTooLarge, match="grpc.max-held-bytes allows 10"):
        Made(sets).frames(limits=SeriesLimits(1 << 20, 10))
    assert len(Made(sets, QueryLimits(series=9, samples=9, length_ms=9)).frames(span=(0, 9))) == 9


def test_a_canceled_request_reads_no_further_block() -> None:
    looks: list[bool] = []

    def left() -> bool:
        looks.append(True)
        return True

    with pytest.raises(QueryCanceled):
        Made([{"a": "b"}]).frames(Slot(1000, 0.0, left))
    assert len(looks) == 1


def test_what_may_be_missing_is_a_warning_or_fails_all() -> None:
    made = Made([{"a": "b"}])
    made.querier.losses = ("some samples are damaged",)
    answer = made.series()
    assert answer.warnings == ["some samples are damaged"] and len(answer.series) == 1
    with pytest.raises(Incomplete, match="some samples are damaged"):
        made.frames(strict=True)
