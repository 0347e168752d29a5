"""Segments over HTTP: a canned report as JSON, and that of a real database."""

from __future__ import annotations

from pathlib import Path

import msgspec

from storage.compaction.planner import MERGE, Job
from storage.compaction.status import (
    IN_USE,
    SET_ASIDE,
    Next,
    Progress,
    SegmentReport,
    SegmentState,
)
from storage.segments.segment import SegmentMeta
from tests.makers.fake_store import FakeStore, Running, run_api
from tests.makers.real_api import RealApi, run_real_api


def segment(ulid: str, shard: int) -> SegmentMeta:
    return SegmentMeta(
        ulid=ulid, shard=shard, min_ms=1500, max_ms=2500, samples=3, series=2, bytes=9,
        created_ms=4000, level=1, histograms=1, exemplars=4, rank=7, resolution_ms=300_000,
    )  # fmt: skip


def test_segments_as_json() -> None:
    a, b, c = segment("A", 1), segment("B", 0), segment("C", 0)
    job = Job(MERGE, (b, c), ((0, 86_399_999),), 2)

    def fill(store: FakeStore) -> None:
        coming = Next(MERGE, 90_000_500, 2, (0, 86_399_999))
        states = [
            SegmentState(a, SET_ASIDE, None, "it is damaged", 8000, is_remote=True),
            SegmentState(b, IN_USE, coming),
            SegmentState(c, IN_USE, Next("expire", None)),
        ]
        store.report = SegmentReport(states, Progress(0, job, 2))

    async def check(running: Running) -> None:
        status, answer = await running.get("status/segments")
        common = {
            "level": 1, "resolution": 300, "minTime": 1.5, "maxTime": 2.5, "samples": 3,
            "histograms": 1, "exemplars": 4, "series": 2, "bytes": 9, "created": 4, "rank": 7,
            "coversFrom": 0, "coversTo": 0, "lateSince": None,
            "place": "disk",
        }  # fmt: skip
        quiet = {"state": "in_use", "reason": None, "since": None}
        merge = {"action": "merge", "due": 90_000.5, "level": 2}
        merge |= {"windowStart": 0, "windowEnd": 86_400}
        expire = {"action": "expire", "due": None, "level": None}
        expire |= {"windowStart": None, "windowEnd": None}
        aside = {"state": "set_aside", "reason": "it is damaged", "since": 8, "next": None}
        assert (status, answer["status"]) == (200, "success")
        assert answer["data"] == {
            "compacting": {
                "shard": 0, "kind": "merge", "level": 2, "resolution": 0, "segments": ["B", "C"],
                "samples": 6, "samplesDone": 2,
            },
            "shards": [
                {
                    "shard": 0,
                    "segments": [
                        common | quiet | {"ulid": "B", "next": merge},
                        common | quiet | {"ulid": "C", "next": expire},
                    ],
                },
                {"shard": 1, "segments": [common | aside | {"ulid": "A", "place": "bucket"}]},
            ],
        }  # fmt: skip

    run_api(check, fill=fill)


def test_segments_as_blocks() -> None:
    sealed = msgspec.structs.replace(segment("B", 0), level=0, histograms=0, min_ms=1400)
    states = [
        SegmentState(segment("A", 1), IN_USE),
        SegmentState(segment("C", 0), SET_ASIDE, None, "it is damaged", 8000),
        SegmentState(sealed, IN_USE),
    ]

    def fill(store: FakeStore) -> None:
        store.report = SegmentReport(states, None)

    async def check(running: Running) -> None:
        status, answer = await running.get("status/tsdb/blocks")
        assert (status, answer["status"]) == (200, "success")
        assert answer["data"] == {
            "blocks": [
                {
                    "ulid": "B", "minTime": 1400, "maxTime": 2501,
                    "stats": {"numSamples": 3, "numFloatSamples": 3, "numSeries": 2},
                    "compaction": {"level": 1, "sources": ["B"]}, "version": 1,
                },
                {
                    "ulid": "A", "minTime": 1500, "maxTime": 2501,
                    "stats": {
                        "numSamples": 3, "numFloatSamples": 2, "numHistogramSamples": 1,
                        "numSeries": 2,
                    },
                    "compaction": {"level": 2}, "version": 1,
                },
            ]
        }  # fmt: skip

    run_api(check, fill=fill)


def test_a_database_reports_its_segments(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        status, data = await api.get("status/segments")
        assert (status, data) == (200, {"compacting": None, "shards": []})

    run_real_api(tmp_path, check)
