"""Every parameter of the endpoints that read, right and wrong: one line per case.

A case is a path with parameters, the status, and what is asked of the data, or the error: (kind,
text). Texts are those of Prometheus 3.14; other tests say more of what answers hold.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from yarl import URL

from api.web.parameters import PARAMETERS
from tests.api.test_contract import CASES as OTHER_CASES
from tests.makers.fake_store import NOW_MS, FakeStore, Running, run_api

BAD, UNAVAILABLE = "bad_data", "unavailable"
NOW_S = NOW_MS / 1000
TIMES = f"start={NOW_S - 60}&end={NOW_S}&step=15"
NO_MATCHER = "match[] must contain at least one non-empty matcher"
NO_TIME = 'cannot parse "x" to a valid timestamp'
OPTIONAL = "invalid parameter \"{0}\": invalid time value for '{0}': " + NO_TIME
NOT_A_NUMBER = 'invalid parameter "limit": strconv.'
NEGATIVE = 'invalid parameter "limit": limit must be non-negative'
DEDUP = 'invalid parameter "dedup": got "x"; allowed are '
EARLY = 'invalid parameter "end": end timestamp must not be before start time'

Case = tuple[str, int, Any]


def length(count: int) -> Callable[[Any], bool]:
    """A list, or the result of a query, of so many."""
    return lambda data: len(data["result"] if isinstance(data, dict) else data) == count


def of_lists(path: str, count: int) -> list[Case]:
    """What labels, values and series have in common; count: of what is there."""
    base = f"{path}?match[]=up"
    return [
        (base, 200, length(count)),
        (f"{base}&limit=1", 200, length(1)),
        (f"{base}&limit=0", 200, length(count)),
        (f"{base}&limit=-1", 400, (BAD, NEGATIVE)),
        (f"{base}&limit=x", 400, (BAD, NOT_A_NUMBER)),
        (f"{base}&limit=1.5", 400, (BAD, NOT_A_NUMBER)),
        (f"{base}&start=x", 400, (BAD, OPTIONAL.format("start"))),
        (f"{base}&end=x", 400, (BAD, OPTIONAL.format("end"))),
        (f"{base}&start={NOW_S - 60}&end={NOW_S}", 200, length(count)),
        (
            f"{base}&start=2015-07-01T20:10:51Z&end=2015-07-01T20:10:52.5%2B00:00",
            200,
            length(count),
        ),
        (f"{base}&start=1e3&end=1.5e3", 200, length(0)),
        (f"{base}&end=-292273086-05-16T16:47:06Z", 200, length(0)),
        (f"{base}&end=292277025-08-18T07:12:54.999999999Z", 200, length(count)),
        (f"{path}?match[]=up&match[]=nothing", 200, length(count)),
        (f"{path}?match[]={{}}", 400, (BAD, ...)),
        (f"{path}?match[]={{a=~'.*'}}", 400, (BAD, ...)),
        (f"{path}?match[]=up{{", 400, (BAD, ...)),
        (f"{base}&dedup=false", 200, length(count)),
        (f"{base}&dedup=x", 400, (BAD, DEDUP)),
        (f"{base}&replicaLabels[]=job", 200, ...),
        (f"{base}&partial_response=true&storeMatch[]=x&unknown=1", 200, length(count)),
    ]


def of_queries(base: str) -> list[Case]:
    """What instant and range queries have in common."""
    lookback = "error parsing lookback delta duration: "
    return [
        (f"{base}&query=up", 200, length(3)),
        (f"{base}&query=up&limit=2", 200, length(2)),
        (f"{base}&query=up&limit=0", 200, length(3)),
        (f"{base}&query=up&limit=-1", 400, (BAD, NEGATIVE)),
        (f"{base}&query=up&limit=x", 400, (BAD, NOT_A_NUMBER)),
        (f"{base}&query=up&timeout=1m", 200, length(3)),
        (f"{base}&query=up&timeout=x", 400, (BAD, 'invalid parameter "timeout": cannot parse')),
        (f"{base}&query=up&timeout=0", 503, ("timeout", "query timed out in ")),
        (f"{base}&query=up&lookback_delta=1m", 200, length(3)),
        (f"{base}&query=up&lookback_delta=x", 400, (BAD, f'{lookback}cannot parse "x" to a valid')),
        (f"{base}&query=up&stats=all", 200, lambda data: "samples" in data["stats"]),
        (f"{base}&query=up&stats=true", 200, lambda data: "timings" in data["stats"]),
        (f"{base}&query=up&stats=", 200, lambda data: "stats" not in data),
        (f"{base}&query=up&engine=thanos", 200, length(3)),
        (f"{base}&query=up&engine=x", 400, (BAD, 'invalid parameter "engine": got "x"')),
        (f"{base}&query=up&dedup=x", 400, (BAD, DEDUP)),
        (f"{base}&query=up&replicaLabels[]=job&dedup=true", 200, ...),
        (f"{base}&query=up&provenance=x", 400, (BAD, 'invalid parameter "provenance": cannot')),
        (f"{base}&query=up&provenance=1&dedup=0", 400, (BAD, 'invalid parameter "provenance"')),
        (f"{base}&query=up&max_source_resolution=5m", 200, length(3)),
        (f"{base}&query=up&max_source_resolution=x", 400, (BAD, 'invalid parameter "max_source')),
        (f"{base}&query=up{{", 400, (BAD, 'invalid parameter "query": 1:4: parse error: ')),
        (f"{base}&query=", 400, (BAD, 'invalid parameter "query": unknown position: parse error')),
        (f"{base}&query=up%2Bon(none)up", 422, ("execution", "found duplicate series")),
        (f"{base}&query=up&nocache=1", 200, length(3)),
    ]


RANGE = "query_range?query=up"
RESOLUTION = (
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
    "resolution (?step=XX)"
)
STEP = 'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
CASES: list[Case] = [
    *of_lists("series", 3),
    ("series", 400, (BAD, "no match[] parameter provided")),
    ("series?match[]={}", 400, (BAD, f'invalid parameter "match[]": {NO_MATCHER}')),
    *of_lists("labels", 2),
    ("labels", 200, length(2)),
    ("labels?match[]={}", 400, (BAD, NO_MATCHER)),
    *of_lists("label/job/values", 3),
    ("label/job/values", 200, ["j0", "j1", "j2"]),
    ("label/U__job/values", 200, length(3)),
    ("label/U__a_2e_b/values", 200, []),
    ("label/nothing/values", 200, []),
    *of_queries(f"query?time={NOW_S}"),
    ("query?query=1&time=x", 400, (BAD, OPTIONAL.format("time"))),
    ("query?query=1&time=1e100", 200, ...),  # clamped to the last time there is
    ("query?query=1&time=2015-07-01T20:10:51.781Z", 200, lambda d: d["result"][0] == NOW_S),
    ("query?query=1&time=", 200, lambda d: d["result"][0] == NOW_S),
    *of_queries(f"query_range?{TIMES}"),
    (f"{RANGE}&end=1&step=1", 400, (BAD, 'invalid parameter "start": cannot parse ""')),
    (f"{RANGE}&start=1&step=1", 400, (BAD, 'invalid parameter "end": cannot parse ""')),
    (f"{RANGE}&start=1&end=2", 400, (BAD, 'invalid parameter "step": cannot parse ""')),
    (f"{RANGE}&start=x&end=2&step=1", 400, (BAD, f'invalid parameter "start": {NO_TIME}')),
    (f"{RANGE}&start=2&end=1&step=1", 400, (BAD, EARLY)),
    (f"{RANGE}&start=1&end=2&step=0", 400, (BAD, STEP)),
    (f"{RANGE}&start=1&end=2&step=-1m", 400, (BAD, 'invalid parameter "step": ')),
    (f"{RANGE}&start=0&end=11001&step=1", 400, (BAD, RESOLUTION)),
    (f"{RANGE}&start=0&end=11000&step=1", 200, length(0)),
    (f"{RANGE}&start=0&end=11000&step=1h", 200, length(0)),
    ("query_range?query=up[1m]&" + TIMES, 400, (BAD, 'invalid parameter "query": invalid expre')),
    ("query_range?query='a'&" + TIMES, 400, (BAD, 'invalid parameter "query": invalid expressio')),
    ("query_exemplars?query=up", 200, []),
    ("query_exemplars?query=1", 204, None),
    ("query_exemplars?query=up&start=x", 400, (BAD, OPTIONAL.format("start"))),
    ("query_exemplars?query=up&end=x", 400, (BAD, OPTIONAL.format("end"))),
    ("query_exemplars?query=up&start=2&end=1", 400, (BAD, "end timestamp must not be before st")),
    ("query_exemplars?query=test&start=1796046000000&end=1796049600000", 200, []),
    ("query_exemplars?query=up{", 400, (BAD, "1:4: parse error: ")),
    ("query_exemplars?query=up&dedup=x", 400, (BAD, DEDUP)),
    ("query_exemplars?query=up&replicaLabels[]=job", 200, []),
    ("metadata", 200, {}),
    ("metadata?metric=up&limit=1&limit_per_metric=1", 200, {}),
    ("metadata?limit=x", 400, (BAD, "limit must be a number")),
    ("metadata?limit_per_metric=x", 400, (BAD, "limit_per_metric must be a number")),
    ("metadata?limit=-1", 200, {}),
    ("status/rejected?reason=x&match[]=up&limit=1", 200, ...),
    ("status/rejected?limit=x", 400, (BAD, NOT_A_NUMBER)),
    ("status/rejected?match[]={}", 400, (BAD, f'invalid parameter "match[]": {NO_MATCHER}')),
    ("status/replicas?match[]=up&start=0&end=1&dedup=auto&replicaLabels[]=r", 200, ...),
    ("status/replicas?start=2&end=1", 400, (BAD, EARLY)),
    ("status/active_queries?limit=1", 200, ...),
    ("status/active_queries?limit=x", 400, (BAD, ...)),
    ("status/slow_queries?limit=1", 200, ...),
    ("status/slow_queries?limit=x", 400, (BAD, ...)),
    ("status/tsdb?limit=1", 200, ...),
    ("status/self_metrics", 200, length(0)),  # nothing is gathered here
    ("status/self_metrics?metric_name_pattern=a.*", 200, length(0)),
    (
        "status/self_metrics?metric_name_pattern=(",
        400,
        (BAD, "invalid metric_name_pattern: error parsing regexp: missing closing ): `^(?:()$`"),
    ),
    ("status/tsdb?limit=0", 400, (BAD, "limit must be a positive number")),
    ("status/tsdb?limit=10001", 400, (BAD, "limit must not exceed 10000")),
    ("status/cardinality?match[]=up&start=0&end=9&compare_start=0&compare_end=3&by=job", 200, ...),
    ("status/cardinality?limit=0", 400, (BAD, "limit must be a positive number")),
    ("cardinality/label_names?selector={", 400, (BAD, ...)),
    ("cardinality/label_names?limit=501", 400, (BAD, "limit must not exceed 500")),
    ("cardinality/label_values?selector=up&limit=5", 400, (BAD, "'label_names[]' param is requ")),
    ("cardinality/label_values?label_names[]=a&selector={", 400, (BAD, ...)),
    ("search/metric_names?match[]=up&start=1&end=2&limit=3", 500, (UNAVAILABLE, "search API dis")),
    ("search/label_names?match[]=up&start=1&end=2&limit=3", 500, (UNAVAILABLE, "search API dis")),
    ("search/label_values?match[]=up&start=1&end=2&limit=3", 500, (UNAVAILABLE, "search API dis")),
]
# Of these endpoints bodies, permissions or plain texts are tested where they are.
ELSEWHERE = (
    "read",
    "federate",
    "admin/",
    "query_explain",
    "query_range_explain",
    "rules/",
    "config",
)


def fill(store: FakeStore) -> None:
    for i in range(3):
        samples = [(NOW_MS - 60_000 + k * 15_000, float(i + k)) for k in range(5)]
        store.tenant().write({"__name__": "up", "job": f"j{i}"}, samples)


def answers(method: str) -> list[tuple[int, Any]]:
    """Status and JSON of each case, in the URL or in a form."""
    found = []

    async def ask(running: Running) -> None:
        for url, *_ in CASES:
            path, _, query = f"/api/v1/{url}".replace("'", "%27").partition("?")
            if method == "POST":
                form = parse_qsl(query, keep_blank_values=True)
                sent = running.client.post(path, data=form)
            else:
                sent = running.client.get(URL(f"{path}?{query}", encoded=True))
            async with sent as response:
                body = await response.json() if response.status not in (204, 405) else None
                found.append((response.status, body))

    run_api(ask, fill=fill)
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_case(method: str) -> None:
    wrong = []
    for (url, status, want), (got_status, got) in zip(CASES, answers(method), strict=True):
        if method == "POST" and got_status == 405:
            continue
        if got_status != status or not fits(want, got):
            wrong.append(f"{url}: {got_status} {str(got)[:200]}")
    assert not wrong, "\n".join(wrong)


def fits(want: Any, got: Any) -> bool:
    """Whether an answer is as a case has it."""
    if want is None or got is None:
        return want is got
    if isinstance(want, tuple):
        kind, text = want
        rest = got.get("error", "")
        return got.get("errorType") == kind and (text is ... or rest.startswith(text))
    if got.get("status") != "success":
        return False
    if want is ...:
        return True
    return bool(want(got["data"])) if callable(want) else got["data"] == want


def test_a_value_of_stats_that_is_no_more_is_warned_of() -> None:
    async def ask(running: Running) -> None:
        _, answer = await running.get("query", query="1", stats="yes")
        (warning,) = answer["warnings"]
        assert warning.startswith('value "yes" for parameter "stats" is deprecated')
        assert "stats" in answer["data"]

    run_api(ask)


def test_every_parameter_of_every_endpoint_is_in_some_case() -> None:
    seen: dict[str, set[str]] = {}
    for url, *_ in [*CASES, *OTHER_CASES]:
        path, _, query = url.partition("?")
        path = "label/{name}/values" if path.startswith("label/") else path
        seen.setdefault(path, set()).update(name for name, _ in parse_qsl(query, True))
    missing = {
        path: sorted(set(names) - seen.get(path, set()))
        for path, names in PARAMETERS.items()
        if not path.startswith(ELSEWHERE) and set(names) - seen.get(path, set())
    }
    assert not missing
