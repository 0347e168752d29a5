"""Cardinality of a program: Prometheus' and Mimir's forms, ranges, and what is refused."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.makers.real_api import RealApi, run_real_api

HOUR_S = 3600


async def fill(api: RealApi) -> int:
    now_s = int(time.time())
    for age_s, names in ((3 * HOUR_S, "ab"), (60, "bcc")):
        series = [
            ({"__name__": name, "n": str(row), "replica": "x"}, [((now_s - age_s) * 1000, 1.0)])
            for row, name in enumerate(names)
        ]
        await api.write(*series)
    return now_s


async def plain(api: RealApi, path: str, **params: Any) -> tuple[int, Any]:
    headers = {"X-Scope-OrgID": "t"}
    url = f"/prometheus/api/v1/{path}"
    async with api.client.get(url, params=params, headers=headers) as response:
        return response.status, await response.json()


def test_of_the_last_two_hours(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        now_s = await fill(api)
        _, data = await api.get("status/tsdb")
        head = data["headStats"]
        assert (head["numSeries"], head["numLabelPairs"], head["chunkCount"]) == (3, 6, 5)
        assert abs(head["maxTime"] - 1000 * now_s) < 60_000
        assert data["seriesCountByMetricName"] == [
            {"name": "c", "value": 2},
            {"name": "b", "value": 1},
        ]
        assert data["labelValueCountByLabelName"][0] == {"name": "n", "value": 3}
        _, data = await api.get("status/tsdb", limit="1")
        assert [len(data[name]) for name in data if name != "headStats"] == [1, 1, 1, 1]
        assert (await api.get("status/tsdb", tenant="other"))[1]["headStats"]["numSeries"] == 0

    run_real_api(tmp_path, check)


def test_chunks_in_memory(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        now_ms = int(time.time()) * 1000

        async def counted(tenant: str) -> int:
            _, data = await api.get("status/tsdb", tenant=tenant)
            count: int = data["headStats"]["chunkCount"]
            return count

        many = [(now_ms - 100 + k, float(k)) for k in range(65)]
        await api.write(({"__name__": "long"}, many), ({"__name__": "short"}, many[:32]))
        await api.write(({"__name__": "long"}, many[:33]), tenant="u")
        assert [await counted(tenant) for tenant in ("t", "u", "t|u", "other")] == [4, 2, 6, 0]

    run_real_api(tmp_path, check)


def test_ranges_are_compared(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        now_s = await fill(api)
        early = {"start": now_s - 4 * HOUR_S, "end": now_s - 2 * HOUR_S}
        assert (await api.get("status/cardinality", **early))[1]["series"] == 2
        compare = {"compare_start": early["start"], "compare_end": early["end"]}
        _, data = await api.get("status/cardinality", **compare)
        assert data["series"] == 3
        usage, changes = data["compared"].pop("usage"), data["compared"].pop("sampleChanges")
        assert usage["samples"] > 0 and {row["name"] for row in changes} == {"a", "b", "c"}
        assert data["compared"] == {
            "series": 2,
            "gone": 2,
            "new": 3,
            "by": "__name__",
            "changes": [
                {"name": "c", "before": 0, "after": 2, "difference": 2},
                {"name": "a", "before": 1, "after": 0, "difference": -1},
                {"name": "b", "before": 1, "after": 1, "difference": 0},
            ],
        }
        selected = {"match[]": "b", "by": "n", **compare}
        _, data = await api.get("status/cardinality", **selected)
        assert (data["series"], data["compared"]["by"]) == (1, "n")
        _, data = await api.get("status/cardinality", compare_end=now_s - 4 * HOUR_S)
        assert data["compared"]["series"] == 0

    run_real_api(tmp_path, check)


def test_reports_of_mimir(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        assert await plain(api, "cardinality/label_names", limit="1", selector='{n=~"1|2"}') == (
            200,
            {
                "label_values_count_total": 4,
                "label_names_count": 3,
                "cardinality": [{"label_name": "n", "label_values_count": 2}],
            },
        )
        names = {"label_names[]": "__name__"}
        assert await plain(api, "cardinality/label_values", **names) == (
            200,
            {
                "series_count_total": 3,
                "labels": [
                    {
                        "label_name": "__name__",
                        "label_values_count": 2,
                        "series_count": 3,
                        "cardinality": [
                            {"label_value": "c", "series_count": 2},
                            {"label_value": "b", "series_count": 1},
                        ],
                    }
                ],
            },
        )
        status, stats = await plain(api, "user_stats")
        assert (status, stats["numSeries"], stats["RuleIngestionRate"]) == (200, 3, 0)
        assert stats["ingestionRate"] == stats["APIIngestionRate"] >= 0

    run_real_api(tmp_path, check)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("status/tsdb?limit=0", "limit must be a positive number"),
        ("status/tsdb?limit=x", "limit must be a positive number"),
        ("status/tsdb?limit=10001", "limit must not exceed 10000"),
        ("status/cardinality?compare_start=5&compare_end=4", 'invalid parameter "compare_end"'),
        ("status/cardinality?start=5&end=4", 'invalid parameter "end"'),
        ("cardinality/label_values", "'label_names[]' param is required"),
        ("cardinality/label_names?limit=501", "limit must not exceed 500"),
        ("cardinality/label_names?selector=a&selector=b", 'invalid parameter "selector"'),
    ],
)
def test_what_is_refused(path: str, error: str, tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        status, text = await api.get(path)
        assert status == 400
        assert text.startswith(error)

    run_real_api(tmp_path, check)


def test_samples_and_churn_of_a_range(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        end_s = int(time.time()) // 60 * 60

        def minutes(first: int, last: int) -> list[tuple[int, float]]:
            return [((end_s - 60 * k) * 1000, float(k)) for k in range(first, last - 1, -1)]

        await api.write(
            ({"__name__": "steady", "job": "x"}, minutes(100, 0)),
            ({"__name__": "came", "job": "x", "pod": "1"}, minutes(19, 0)),
            ({"__name__": "came", "job": "y", "pod": "2"}, minutes(29, 20)),
        )
        span = {"start": end_s - 50 * 60, "end": end_s}
        compare = {"compare_start": end_s - 100 * 60, "compare_end": end_s - 51 * 60}
        _, data = await api.get("status/cardinality", **span, **compare, by="job")
        usage = data["usage"]
        assert {k: usage[k] for k in ("samples", "began", "ended")} == {
            "samples": 51 + 20 + 10, "began": 2, "ended": 1,
        }  # fmt: skip
        rows = [[row[k] for k in ROW] for row in usage["byMetricName"]]
        assert rows == [["steady", 1, 51, 0, 0], ["came", 2, 30, 2, 1]]
        rows = [[row[k] for k in ROW] for row in usage["byLabelName"]]
        assert rows == [["__name__", 3, 81, 2, 1], ["job", 3, 81, 2, 1], ["pod", 2, 30, 2, 1]]
        pairs = {row["name"]: row["samples"] for row in usage["byLabelValuePair"]}
        assert (pairs["job=x"], pairs["job=y"], pairs["pod=2"]) == (71, 10, 10)
        assert data["compared"]["usage"] == {"samples": 50, "bytes": 0, "began": 0, "ended": 0}
        assert data["compared"]["sampleChanges"] == [
            {"name": "x", "before": 50, "after": 71, "difference": 21},
            {"name": "y", "before": 0, "after": 10, "difference": 10},
        ]

    run_real_api(tmp_path, check)


ROW = ("name", "series", "samples", "began", "ended")
