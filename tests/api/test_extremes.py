"""All parameters of all routes with the extremes of their types, over the whole program: nothing
that a request says may be answered as a fault of the server."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from yarl import URL

from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v2, compress
from tests.makers.bodies.v1 import HEADERS
from tests.makers.real_api import RealApi, run_real_api

# No request may be answered otherwise: a timeout that is over is 503 in Prometheus, too.
ALLOWED = {200, 204, 400, 404, 422}
NUMBERS = [
    *("0", "-0", "+0", "1", "-1", "0.0005", "-0.0005", "1e-320", "5e-324", "1e18", "-1e18"),
    *("1e308", "-1e308", "1.7976931348623157e308", "1e309", "-1e309", "NaN", "nan", "Inf", "-Inf"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("9223372036854775.807", "-9223372036854775.808", "9223372036.854775807", "1e10", "-1e10"),
    *("2147483647", "2147483648", "-2147483649", "4294967296", "18446744073709551616"),
    *("9223309901257974.9", "-9223309901257974", "9" * 400, "0x1p1023", "0x1p-1074", "1_0"),
    *("\u0661", "1" * 5_000, "1,5", "--1", "e", "."),
]
TIMES = [
    *("-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z", "0000-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.999999999-24:60", "0000-01-01T00:00:00+24:60", "1970-01-01T0:00:00Z"),
    *("1970-02-30T00:00:00Z", "now", "1970-01-01"),
]
DURATIONS = [
    *("292y", "293y", "106751d", "9223372036854ms", "9223372036855ms", "1y1w1d1h1m1s1ms", "0s"),
    *("18446744073709551615y", "-5m", "5", "m", "1ms", "5m5m", "1.5h"),
]
TEXTS = ["", " ", "\x00", "%", ";", "&", "\\", '"', "\n", "\u2028", "\U0001f600", "a" * 100_000]
# Not UTF-8: stray bytes, a surrogate, one that is too long, one behind the last character.
BYTES = [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xfe\xfe\xff"]
SELECTORS = [
    *("up", "{}", "{", "}", '{a=~""}', '{a=~"("}', '{a=~".*.*.*.*.*.*"}', '{__name__=~".+"}'),
    *("up[5m]", "sum(up)", '{"a\\xffb"="c"}', '{a="\\xff"}', '{a="\\ud800"}', '{"":"x"}', '{""}'),
    *('up{__name__="up",__name__!="x"}', "{" + 'a="b",' * 2_000 + "}", "(" * 5_000, "!" * 5_000),
    *('{a=~"' + "(a|b)" * 3_000 + '"}', '{a=~"(?i)\\\\x{10ffff}"}', '{replica="a"}', "offset"),
]
QUERIES = [
    *SELECTORS,
    *("1e400", "-1e308 * 10", '"\\xff"', "'\\ud800'", '"\\000"', "up or h", "h[1h]", "up[1h:1m]"),
    *("rate(up[292y])", "up offset 292y", "up offset -292y", "h offset 250y", "time()"),
    *("label_replace(up, 'x', '\\xff', '', '')", "label_join(up, '\\xff', '')", "up[292y]"),
    *(
        "sum_over_time(up[100y:1y])",
        "histogram_quantile(NaN, h)",
        "round(up, 1e-320)",
        "hour(1e308)",
    ),
    *("topk(9223372036854775807, up)", "topk(NaN, up)", "bottomk(-1e308, up)", "quantile(Inf, up)"),
    *(
        "count_values('\\xff', up)",
        "limitk(1e308, up)",
        "limit_ratio(-1e308, up)",
        "clamp(up, 2, 1)",
    ),
    *("predict_linear(up[1h], 1e308)", "sort_by_label(up, '\\xff')", "info(up)", "vector(NaN)"),
    *("absent({a='\\xff'})", "days_in_month(vector(-1e308))", "timestamp(up offset 290y)"),
    *("up @ 1", "up @ start()", "-" * 200 + "1", "1" + "+1" * 2_000, "x" * 50_000, "0x" + "f" * 99),
]
WORDS = ["true", "all", "false", "TRUE", "1", "auto", "penalty", "chain", "T", "maybe"]
# Parameter -> what it is tried with beside texts and bytes.
KINDS = {
    **dict.fromkeys(("time", "start", "end", "compare_start", "compare_end"), [*NUMBERS, *TIMES]),
    **dict.fromkeys(("step", "timeout", "lookback_delta"), [*NUMBERS, *DURATIONS]),
    **dict.fromkeys(("limit", "limit_per_metric"), NUMBERS),
    **dict.fromkeys(
        ("stats", "dedup", "provenance", "replicaLabels[]", "reason", "metric", "by"), WORDS
    ),
    **dict.fromkeys(("match[]", "match_target", "selector"), SELECTORS),
    **dict.fromkeys(("state", "scrapePool", "type", "exclude_alerts", "group_next_token"), WORDS),
    **dict.fromkeys(("group_limit", "before"), NUMBERS),
    **dict.fromkeys(("namespace", "group"), WORDS),
    "label_names[]": WORDS,
    "metric_name_pattern": ["(", "a.*", "[" * 5_000, "(a|b)" * 3_000],
    "labels": ["{}", "[" * 5_000, '{"a":"b"}', '{"a":1}'],
    "query": QUERIES,
}
SHARED = ("dedup", "replicaLabels[]")
SELECTING = ("match[]", "start", "end", "limit", *SHARED)
OF_QUERY = ("query", "timeout", "limit", "lookback_delta", "stats", "provenance", *SHARED)
NOTHING_READ: tuple[dict[str, str], tuple[str, ...]] = ({}, ("limit",))
# Path -> parameters that make an answer, and all that it reads.
ROUTES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "query": ({"query": "up", "time": "600"}, ("time", *OF_QUERY)),
    "query_range": (
        {"query": "up or h", "start": "0", "end": "600", "step": "60"},
        ("start", "end", "step", *OF_QUERY),
    ),
    "query_explain": ({"query": "up or h", "time": "600"}, ("time", *OF_QUERY)),
    "query_range_explain": (
        {"query": "up or h", "start": "0", "end": "600", "step": "60"},
        ("start", "end", "step", *OF_QUERY),
    ),
    "query_exemplars": ({"query": "up"}, ("query", "start", "end", *SHARED)),
    "series": ({"match[]": "up"}, SELECTING),
    "labels": ({}, SELECTING),
    "label/job/values": ({}, SELECTING),
    "metadata": ({}, ("metric", "limit", "limit_per_metric")),
    "status/buildinfo": ({}, ("limit",)),
    "status/rejected": ({}, ("reason", "match[]", "limit")),
    "status/replicas": ({}, SELECTING),
    "status/tsdb": ({}, ("limit",)),
    "status/tenants": ({}, ("limit",)),
    "status/active_queries": ({}, ("limit",)),
    "status/slow_queries": ({}, ("limit",)),
    "status/cardinality": ({}, (*SELECTING[:4], "compare_start", "compare_end", "by")),
    "cardinality/label_names": ({}, ("selector", "limit")),
    "cardinality/label_values": ({"label_names[]": "job"}, ("selector", "label_names[]")),
    "user_stats": ({}, ("limit",)),
    "format_query": ({"query": "up"}, ("query",)),
    "parse_query": ({"query": "up"}, ("query",)),
    "targets": ({}, ("state", "scrapePool")),
    "targets/metadata": ({}, ("match_target", "metric", "limit")),
    "targets/relabel_steps": ({}, ("scrapePool", "labels")),
    "scrape_pools/config": ({}, ("scrapePool",)),
    "rules/changes": ({}, ("namespace", "group", "before", "limit")),
    "rules": ({}, ("match[]", "type", "exclude_alerts", "group_limit", "group_next_token")),
    **dict.fromkeys(("scrape_pools", "alerts", "alertmanagers", "notifications"), NOTHING_READ),
    **dict.fromkeys(("notifications/live", "stores", "features"), NOTHING_READ),
    "status/deletions": ({}, ("limit",)),
    **dict.fromkeys(
        ("status/config", "status/flags", "status/segments", "status/cluster"), NOTHING_READ
    ),
    "status/self_metrics": ({}, ("metric_name_pattern",)),
    **dict.fromkeys(("status/runtimeinfo", "status/walreplay"), NOTHING_READ),
    "status/tsdb/blocks": NOTHING_READ,
}
# These are refused, whatever they are asked for.
# Answers of these have no envelope.
BARE = ("cardinality/", "user_stats")
DESCRIPTIONS = {"openapi.json", "openapi.yaml"}
OFF = {"search/metric_names", "search/label_names", "search/label_values"}
SEED = 11
OWN = {"X-Scope-OrgID": "t"}


def encoded(value: str | bytes) -> str:
    raw = value if isinstance(value, bytes) else value.encode()
    return quote_from_bytes(raw, safe="")


def queries_of(path: str) -> Iterator[str]:
    """One parameter at a time, alone and twice, and then several by lot."""
    usual, names = ROUTES[path]
    lot = random.Random(f"{SEED} {path}")

    def text(values: dict[str, str | bytes]) -> str:
        return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in values.items())

    for name in names:
        for value in (*KINDS[name], *TEXTS, *BYTES):
            yield text({**usual, name: value})
            if len(value) < 100:
                yield f"{text({**usual, name: value})}&{encoded(name)}={encoded(value)}"
    for _ in range(400):
        drawn = {name: lot.choice(KINDS[name]) for name in names if lot.random() < 0.5}
        yield text({**usual, **drawn})


async def fill(api: RealApi) -> None:
    """Floats, native histograms, exemplars, metadata and replicas, also at far-off times."""
    series = []
    for replica in "ab":
        labels = {"__name__": "up", "job": "j", "replica": replica}
        samples = [(second * 1_000, float(second)) for second in range(0, 600, 15)]
        samples += [(2**62, 1.0), (9_223_309_901_257_974_998, 2.0)]
        exemplars = [({"trace_id": "x"}, 1.0, 15_000)]
        series.append(WireSeries(labels, samples, [], exemplars, (1, "help", "unit")))
        histograms = [
            WireHistogram(timestamp=at, count=1, positive_spans=[(0, 1)], positive=[1])
            for at in (15_000, 30_000, 2**62)
        ]
        series.append(WireSeries({**labels, "__name__": "h"}, [], histograms))
    bad = WireSeries({"__name__": "bad", "": "x"}, [(1_000, 1.0)])
    body = compress(body_v2([*series, bad]))
    headers = HEADERS | {
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "X-Scope-OrgID": "t",
    }
    async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
        assert response.status == 400, await response.text()


async def check(client: TestClient, path: str, query: str, headers: dict[str, str]) -> str:
    """What is wrong with an answer, "" if nothing."""
    url = URL(f"/api/v1/{path}?{query}", encoded=True)
    async with client.get(url, headers=headers) as response:
        body = await response.read()
    timed_out = response.status == 503 and b'"errorType":"timeout"' in body
    if response.status not in ALLOWED and not timed_out:
        return f"{response.status} {body[:200]!r}"
    try:
        answer = json.loads(body) if body else None
    except ValueError as error:
        return f"no JSON: {error} {body[:200]!r}"
    except RecursionError:  # a tree that is deeper than this reader goes
        return "" if body.startswith(b'{"status":"success"') and body.endswith(b"}}") else "cut off"
    if path.startswith(BARE) and response.status == 200:
        return ""
    if answer is not None and (answer["status"] == "success") != (response.status == 200):
        return f"{response.status} {body[:200]!r}"
    return ""


@pytest.mark.parametrize("path", ROUTES)
def test_no_parameter_is_a_fault_of_the_server(path: str, tmp_path: Path) -> None:
    wrong: list[str] = []

    async def scenario(api: RealApi) -> None:
        await fill(api)
        for query in queries_of(path):
            found = await check(api.client, path, query, OWN)
            if found:
                wrong.append(f"{query[:300]}: {found}")

    run_real_api(tmp_path, scenario, enable_feature="all")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


FAR_TIMES = [
    *("0", "1e9", "1e12", "-1e12", "4611686018427387.904", "9223309901257974.999"),
    *("-9223309901257974", "1e308", "-1e308", "-62135596800", "253402300800", "9.2233720368e9"),
]


def test_no_query_at_a_far_off_time_is_a_fault_of_the_server(tmp_path: Path) -> None:
    wrong: list[str] = []
    lot = random.Random(SEED)

    async def scenario(api: RealApi) -> None:
        await fill(api)
        for text in [query for query in QUERIES if len(query) < 200]:
            for time in FAR_TIMES:
                more = lot.choice(["", "&stats=all", "&lookback_delta=290y", "&provenance=true"])
                asked = f"query={encoded(text)}&time={time}{more}"
                found = [asked, await check(api.client, "query", asked, OWN)]
                wrong.extend([": ".join(found)] if found[1] else [])
                end, step = lot.choice(FAR_TIMES), lot.choice(["1", "1y", "290y", "0.001"])
                start, end = sorted((time, lot.choice([time, end])), key=float)
                asked = f"query={encoded(text)}&start={start}&end={end}&step={step}{more}"
                found = [asked, await check(api.client, "query_range", asked, OWN)]
                wrong.extend([": ".join(found)] if found[1] else [])

    run_real_api(tmp_path, scenario, enable_feature="all")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


def test_no_path_or_header_is_a_fault_of_the_server(tmp_path: Path) -> None:
    wrong: list[str] = []

    async def scenario(api: RealApi) -> None:
        await fill(api)
        for value in (*TEXTS[1:-1], "U__", "U___ff_", "U__a_d800_", "a" * 60_000, *BYTES):
            path = f"label/{encoded(value)}/values"
            found = await check(api.client, path, "", OWN)
            wrong.extend([f"{path}: {found}"] if found else [])
        values = ("", "|", "a|b", "\udcff", "é", "x" * 60_000, "a|" * 5_000, "..", "anonymous")
        for header in ("X-Scope-OrgID", "THANOS-TENANT", "Origin", "Accept-Encoding", "Accept"):
            for value in values:
                headers = {header: value.encode("utf-8", "surrogateescape").decode("latin-1")}
                found = await check(api.client, "labels", "", headers)
                wrong.extend([f"{header}={value[:50]!r}: {found}"] if found else [])

    run_real_api(tmp_path, scenario)
    assert not wrong, "\n".join(wrong)


CONTENT_TYPES = [
    *(
        "",
        "x",
        "/",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data;",
    ),
    *('multipart/form-data; boundary="', "multipart/form-data; boundary=b", "multipart/mixed"),
    *("multipart/form-data; boundary*=utf-8''b", "multipart/form-data; boundary=\udcff"),
    *("application/x-www-form-urlencoded; charset=utf-16", "application/x-www-form-urlencoded;"),
    *("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=(("),
]
FIELD = b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nup\r\n--b--\r\n'
BODIES = [
    *(b"", b"query=up", b"query=%ff&query", b"\xff\xfe", b"&" * 5_000, b"=" * 5_000, b";", FIELD),
    *(FIELD[:-6], FIELD.replace(b"name=", b"name*=utf-8''"), b"--b\r\n" * 3_000, b"--b--"),
    *(FIELD.replace(b"up", b"\xff"), FIELD.replace(b'"query"', b"\xff"), b"--b\r\n\r\n" * 500),
    FIELD.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 5_000 + b"\r\n"),
]


def test_no_form_is_a_fault_of_the_server(tmp_path: Path) -> None:
    wrong: list[str] = []

    async def scenario(api: RealApi) -> None:
        for path in ("query", "series", "labels", "query_exemplars"):
            for kind in CONTENT_TYPES:
                for body in BODIES:
                    headers = {**OWN, "Content-Type": kind}
                    url = f"/api/v1/{path}"
                    async with api.client.post(url, data=body, headers=headers) as response:
                        answer = await response.read()
                    if response.status not in ALLOWED:
                        wrong.append(f"{path} {kind!r} {body[:80]!r}: {response.status} {answer!r}")

    run_real_api(tmp_path, scenario)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


def test_every_route_of_the_api_is_tried(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        assert api.client.server is not None
        app: web.Application = api.client.server.app  # type: ignore[attr-defined]
        paths = {
            route.resource.canonical.removeprefix("/api/v1/").replace("{name}", "job")
            for route in app.router.routes()
            if route.resource is not None
            and route.method == "GET"
            and route.resource.canonical.startswith("/api/v1/")
        }
        assert paths - {"user_limits"} - OFF - DESCRIPTIONS == set(ROUTES)

    run_real_api(tmp_path, scenario)
