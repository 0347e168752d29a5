"""Tests of paths and methods."""

import pytest

from tests.makers.fake_store import Running, run_api

PATHS = {
    "query": ("GET", "POST"),
    "query_range": ("GET", "POST"),
    "series": ("GET", "POST"),
    "labels": ("GET", "POST"),
    "label/job/values": ("GET", "POST"),
    "metadata": ("GET", "POST"),
    "status/buildinfo": ("GET",),
    "status/deletions": ("GET",),
    "admin/tsdb/delete_series": ("POST", "PUT"),
    "admin/tsdb/clean_tombstones": ("POST", "PUT"),
    "admin/tsdb/snapshot": ("POST", "PUT"),
}


@pytest.mark.parametrize("prefix", ["/api/v1", "/prometheus/api/v1"])
def test_paths_and_methods(prefix: str) -> None:
    async def check(running: Running) -> None:
        for path, methods in PATHS.items():
            for method in ("GET", "POST", "PUT", "DELETE"):
                url = f"{prefix}/{path}"
                async with running.client.request(method, url) as response:
                    want = {200, 400, 500} if method in methods else {405}
                    assert response.status in want, (method, url)
            async with running.client.options(url, headers={"Origin": "http://a"}) as response:
                assert response.status == 204
                assert response.headers["Access-Control-Allow-Origin"] == "*"
        async with running.client.get(f"{prefix}/nothing") as response:
            assert response.status == 404

    run_api(check)
