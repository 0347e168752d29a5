"""The endpoints that format and parse, as clients call them: posted, and with long texts."""

from tests.makers.fake_store import Running, run_api


def test_expressions_are_posted_too() -> None:
    async def check(running: Running) -> None:
        for path, want in (
            ("format_query", "sum by (job) (up)"),
            ("parse_query", {"type": "stringLiteral", "val": "x"}),
        ):
            text = "sum(up) by (job)" if path == "format_query" else '"x"'
            async with running.client.post(f"/api/v1/{path}", data={"query": text}) as response:
                assert response.status == 200
                assert (await response.json())["data"] == want

    run_api(check)


def test_a_long_expression_is_split() -> None:
    long = "+".join(f"metric_number_{number}" for number in range(20))

    async def check(running: Running) -> None:
        status, answer = await running.get("format_query", query=long)
        assert status == 200
        assert answer["data"].endswith("\n+\n  metric_number_19")

    run_api(check)
