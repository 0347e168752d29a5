"""Tests of request parameters: what is read, and Prometheus' texts for what cannot be."""

from typing import Any

import pytest

from api.errors import BadData
from api.forms import Params
from api.params import (
    MetadataParams,
    QueryParams,
    RangeParams,
    ReplicaParams,
    exemplar_params,
    instant_time_ms,
    limit_of,
    metadata_params,
    parse_selectors,
    query_params,
    range_params,
    replica_params,
    report_params,
    series_params,
    stats_warnings,
    tenants_of,
    wanted_rejects,
)
from api.times import MAX_TIME_MS, MIN_TIME_MS
from storage.dedup.algorithm import Algorithm
from storage.errors import TenantError
from storage.labels.matchers import Matcher


def params(**values: Any) -> Params:
    return Params({name: [value] for name, value in values.items()})


@pytest.mark.parametrize(
    ("headers", "tenants"),
    [
        ({}, ("default",)),
        ({"X-Scope-OrgID": "a"}, ("a",)),
        ({"THANOS-TENANT": "b"}, ("b",)),
        ({"X-Scope-OrgID": "a", "THANOS-TENANT": "b"}, ("a",)),
        ({"X-Scope-OrgID": "anonymous", "THANOS-TENANT": "b|a"}, ("a", "b")),
        ({"X-Scope-OrgID": "anonymous", "THANOS-TENANT": "default-tenant"}, ("default",)),
        ({"X-Scope-OrgID": "c|a|b|a"}, ("a", "b", "c")),
        ({"THANOS-TENANT": "a|a"}, ("a",)),
    ],
)
def test_tenants(headers: dict[str, str], tenants: tuple[str, ...]) -> None:
    assert tenants_of(headers, tenants_max=3) == tenants


def test_too_many_or_bad_tenants_are_refused() -> None:
    with pytest.raises(BadData, match="names 4 tenants; api.max-federated-tenants allows 3"):
        tenants_of({"X-Scope-OrgID": "a|b|c|d"}, tenants_max=3)
    for text in ("", "a|", "|", "a||b"):
        with pytest.raises(TenantError, match="invalid tenant ''"):
            tenants_of({"X-Scope-OrgID": text, "THANOS-TENANT": "b"}, tenants_max=3)


def test_query_params() -> None:
    nothing = QueryParams("", 0, None, None, "", ReplicaParams(True, None))
    assert query_params(params()) == nothing
    given = params(
        query="up", limit="5", timeout="1m30s", lookback_delta="10", stats="all", dedup="false"
    )
    want = QueryParams("up", 5, 90_000, 10_000, "all", ReplicaParams(False, None))
    assert query_params(given) == want
    assert query_params(params(lookback_delta="0")).lookback_ms is None
    assert query_params(params(lookback_delta="-5")).lookback_ms is None
    assert query_params(params(lookback_delta="NaN")).lookback_ms is None
    assert query_params(params(timeout="0.0001")).timeout_ms == 1
    assert query_params(params(timeout="0.0019")).timeout_ms == 1
    assert query_params(params(timeout="1e-10")).timeout_ms == 0
    assert query_params(params(timeout="-0.0001")).timeout_ms == -1
    assert query_params(params(lookback_delta="0.0001")).lookback_ms == 1
    assert query_params(params(timeout="NaN")).timeout_ms == -9_223_372_036_855
    assert query_params(params(limit="9223372036854775807")).limit == 2**63 - 1


def test_values_of_stats_that_will_go_away() -> None:
    assert [stats_warnings(text) for text in ("", "true", "all")] == [()] * 3
    for text, quoted in (("1", '"1"'), ("TRUE", '"TRUE"'), ('a"\udcff', r'"a\"\xff"')):
        assert stats_warnings(text) == (
            f'value {quoted} for parameter "stats" is deprecated and will be rejected in the next '
            'major release, use "true" or "all"',
        )


def test_replica_labels_are_repeated() -> None:
    got = replica_params(Params({"replicaLabels[]": ["a", "", "b"], "dedup": ["1"]}))
    assert got == ReplicaParams(True, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "dedup", "algorithm"),
    [
        ("", True, None),
        ("true", True, None),
        ("1", True, None),
        ("false", False, None),
        ("auto", True, Algorithm.AUTO),
        ("penalty", True, Algorithm.PENALTY),
        ("chain", True, Algorithm.CHAIN),
    ],
)
def test_dedup_may_name_an_algorithm(text: str, dedup: bool, algorithm: Algorithm | None) -> None:
    assert replica_params(params(dedup=text)) == ReplicaParams(dedup, None, algorithm)


def test_provenance_is_a_wish() -> None:
    assert query_params(params(provenance="true")).provenance
    assert not query_params(params(provenance="0", dedup="false")).provenance
    assert not query_params(params(provenance="")).provenance


def test_a_report_is_about_an_hour_up_to_now() -> None:
    assert report_params(params(), now_ms=7_200_000).selection == ((), 3_600_000, 7_200_000)
    got = report_params(params(start="1", end="2"), now_ms=7_200_000)
    assert got.selection == ((), 1_000, 2_000)
    got = report_params(params(end="3600"), now_ms=7_200_000)
    assert got.selection == ((), 0, 3_600_000)


def test_range_params() -> None:
    got = range_params(params(start="0", end="1970-01-01T00:01:00Z", step="15s"))
    assert got == RangeParams(0, 60_000, 15_000)
    assert range_params(params(start="1", end="1", step="0.001")) == RangeParams(1_000, 1_000, 1)
    got = range_params(params(start="0", end="11000", step="1"))
    assert (got.end_ms - got.start_ms) // got.step_ms + 1 == 11_001


def test_the_time_of_an_instant_query() -> None:
    assert instant_time_ms(params(), now_ms=7) == 7
    assert instant_time_ms(params(time="4"), now_ms=7) == 4_000


def test_series_params() -> None:
    got = series_params(params())
    assert got.selection == ((), MIN_TIME_MS, MAX_TIME_MS)
    assert got.limit == 0
    values = {"match[]": ["up", '{a="b"}'], "start": ["1"], "end": ["2"]}
    got = series_params(Params(values), required=True)
    assert got.selection == (
        ((Matcher("__name__", "=", "up"),), (Matcher("a", "=", "b"),)),
        1_000,
        2_000,
    )


TEXTS = [
    (range_params, {}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
    (
        range_params,
        {"start": "0"},
        'invalid parameter "end": cannot parse "" to a valid timestamp',
    ),
    (
        range_params,
        {"start": "1", "end": "0", "step": "1"},
        'invalid parameter "end": end timestamp must not be before start time',
    ),
    (
        range_params,
        {"start": "0", "end": "1"},
        'invalid parameter "step": cannot parse "" to a valid duration',
    ),
    *(
        (
            range_params,
            {"start": "0", "end": "1", "step": step},
            'invalid parameter "step": zero or negative query resolution step widths are not '
            "accepted. Try a positive integer",
        )
        for step in ("0", "-1", "0s", "0.0009", "NaN", "-1e-300", "9223372036.854775807")
    ),
    *(
        (
            range_params,
            {"start": start, "end": end, "step": step},
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        )
        for start, end, step in (
            ("0", "11001", "1"),
            ("-1e300", "1e300", "1h"),
            ("0", "6", "0.0005"),
        )
    ),
    (
        lambda p: instant_time_ms(p, now_ms=0),
        {"time": "x"},
        "invalid parameter \"time\": invalid time value for 'time': "
        'cannot parse "x" to a valid timestamp',
    ),
    (
        query_params,
        {"timeout": "x"},
        'invalid parameter "timeout": cannot parse "x" to a valid duration',
    ),
    (
        query_params,
        {"lookback_delta": "x"},
        'error parsing lookback delta duration: cannot parse "x" to a valid duration',
    ),
    (
        query_params,
        {"limit": "x"},
        'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
    ),
    *(
        (
            limit_of,
            {"limit": text},
            f'invalid parameter "limit": strconv.Atoi: parsing "{text}": {cause}',
        )
        for cause, texts in {
            "value out of range": ("9223372036854775808", "-9223372036854775809", "1" * 5_000),
            "invalid syntax": ("1.0", "1e3", "0x1", " 1", "1_000", "+", "\u0661"),
        }.items()
        for text in texts
    ),
    (
        limit_of,
        {"limit": "\udcff"},
        r'invalid parameter "limit": strconv.Atoi: parsing "\xff": invalid syntax',
    ),
    (limit_of, {"limit": "-1"}, 'invalid parameter "limit": limit must be non-negative'),
    (
        query_params,
        {"dedup": "Auto"},
        'invalid parameter "dedup": got "Auto"; allowed are auto, penalty, chain, true, false',
    ),
    (
        query_params,
        {"provenance": "x"},
        'invalid parameter "provenance": cannot parse "x" to a boolean',
    ),
    (
        query_params,
        {"provenance": "true", "dedup": "false"},
        'invalid parameter "provenance": with dedup=false every series names its replica itself',
    ),
    (
        lambda p: report_params(p, now_ms=0),
        {"start": "1"},
        'invalid parameter "end": end timestamp must not be before start time',
    ),
    (
        series_params,
        {"end": "x"},
        "invalid parameter \"end\": invalid time value for 'end': "
        'cannot parse "x" to a valid timestamp',
    ),
    (
        exemplar_params,
        {"start": "2", "end": "1"},
        "end timestamp must not be before start timestamp",
    ),
    # Of several mistakes Prometheus finds one first.
    (
        range_params,
        {"limit": "-1", "start": "x"},
        'invalid parameter "limit": limit must be non-negative',
    ),
    (
        lambda p: instant_time_ms(p, now_ms=0),
        {"limit": "-1", "time": "x"},
        'invalid parameter "limit": limit must be non-negative',
    ),
    (
        query_params,
        {"timeout": "x", "lookback_delta": "x", "dedup": "x"},
        'invalid parameter "timeout": cannot parse "x" to a valid duration',
    ),
    (
        query_params,
        {"timeout": "1e10", "lookback_delta": "x"},
        'invalid parameter "timeout": cannot parse "1e10" to a valid duration. It overflows int64',
    ),
    (
        lambda p: series_params(p, required=True),
        {"limit": "-1"},
        "no match[] parameter provided",
    ),
    (
        series_params,
        {"match[]": "{", "limit": "-1", "start": "x"},
        'invalid parameter "limit": limit must be non-negative',
    ),
    (
        series_params,
        {"match[]": "{", "end": "x"},
        "invalid parameter \"end\": invalid time value for 'end': "
        'cannot parse "x" to a valid timestamp',
    ),
    (
        wanted_rejects,
        {"match[]": "{}"},
        'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
    ),
    (metadata_params, {"limit": "x"}, "limit must be a number"),
    (metadata_params, {"limit": "9223372036854775808"}, "limit must be a number"),
    (metadata_params, {"limit_per_metric": "1.5"}, "limit_per_metric must be a number"),
]


@pytest.mark.parametrize(("read", "values", "text"), TEXTS)
def test_texts_of_errors(read: Any, values: dict[str, str], text: str) -> None:
    with pytest.raises(BadData) as caught:
        read(params(**values))
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ({}, ("", -1, -1)),
        ({"metric": "up", "limit": "-7", "limit_per_metric": "-1"}, ("up", -7, -1)),
        ({"limit": "0", "limit_per_metric": "+2"}, ("", 0, 2)),
    ],
)
def test_limits_of_metadata(values: dict[str, str], limits: tuple[str, int, int]) -> None:
    assert metadata_params(params(**values)) == MetadataParams(*limits)


EMPTY = "match[] must contain at least one non-empty matcher"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{}", EMPTY),
        ('{a=~".*"}', EMPTY),
        ('{__name__=""}', EMPTY),
        ("", "unknown position: parse error: unexpected end of input"),
        (" \n", "2:1: parse error: unexpected end of input"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        ("up[5m]", '1:3: parse error: unexpected "["'),
        ("up offset 5m", "1:4: parse error: unexpected <offset>"),
        ("up @ 0", "1:4: parse error: unexpected <op:@>"),
        ("sum(up)", '1:4: parse error: unexpected "("'),
        ("(up)", '1:1: parse error: unexpected "("'),
        ("up + up", "1:4: parse error: unexpected <op:+>"),
        ("up down", '1:4: parse error: unexpected identifier "down"'),
        ("{a='b'} {", '1:9: parse error: unexpected "{"'),
        ("1", '1:1: parse error: unexpected number "1"'),
        ("'up'", """1:1: parse error: unexpected string "'up'\""""),
        ("bool", "1:1: parse error: unexpected <bool>"),
        (
            '{a="b" c="d"}',
            '1:8: parse error: unexpected identifier "c" in label matching, expected "," or "}"',
        ),
    ],
)
def test_no_selectors(text: str, error: str) -> None:
    for texts in ([text], ["up", text]):
        with pytest.raises(BadData) as caught:
            parse_selectors(texts)
        assert str(caught.value) == error
    for required, want in ((True, f'invalid parameter "match[]": {error}'), (False, error)):
        with pytest.raises(BadData) as caught:
            series_params(Params({"match[]": ["up", text]}), required=required)
        assert str(caught.value) == want


def test_a_text_that_is_no_selector_is_found_before_one_that_selects_all() -> None:
    with pytest.raises(BadData, match="unexpected end of input"):
        parse_selectors(["{}", "up{"])


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ('{__name__!=""}', [("__name__", "!=", "")]),
        ('up{a="b",c=~"d.*"}', [("a", "=", "b"), ("c", "=~", "d.*"), ("__name__", "=", "up")]),
        # Here these are names like others, and a name may be given twice.
        ("sum", [("__name__", "=", "sum")]),
        ("offset{a='b'}", [("a", "=", "b"), ("__name__", "=", "offset")]),
        ("up{__name__='x'}", [("__name__", "=", "x"), ("__name__", "=", "up")]),
        ('{"service.name"="x", "up"}', [("service.name", "=", "x"), ("__name__", "=", "up")]),
    ],
)
def test_selectors(text: str, matchers: list[tuple[str, str, str]]) -> None:
    assert parse_selectors([text, "up"]) == (
        tuple(Matcher(*parts) for parts in matchers),
        (Matcher("__name__", "=", "up"),),
    )


def test_series_have_to_be_selected_where_it_is_required() -> None:
    with pytest.raises(BadData, match=r"^no match\[\] parameter provided$"):
        series_params(params(), required=True)
