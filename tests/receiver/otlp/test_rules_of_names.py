"""Names of metrics and labels, payload by payload, by the rules of Prometheus 3.14."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tests.makers.bodies.otlp import exponential, gauge, histogram, number, total
from tests.makers.otlp_lines import lines_of

PLAIN = {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"}
UTF8 = {"translation_strategy": "NoUTF8EscapingWithSuffixes"}
NONE = {"translation_strategy": "NoTranslation"}
ONE = number(1)


def rate(name: str, unit: str = "", **more: Any) -> pb.Metric:
    return total(name, ONE, unit=unit, **more)


def level(name: str, unit: str = "") -> pb.Metric:
    return gauge(name, ONE, unit=unit)


@pytest.mark.parametrize(
    ("metric", "full", "plain", "utf8", "none"),
    [
        (level("up"), "up", "up", "up", "up"),
        (level("a.b-c/d e"), "a_b_c_d_e", "a_b_c_d_e", "a.b-c/d e", "a.b-c/d e"),
        (level("a:b"), "a:b", "a:b", "a:b", "a:b"),
        (level("a__b"), "a_b", "a__b", "a__b", "a__b"),
        (level("_a_"), "a", "_a_", "_a_", "_a_"),
        (level("2xx"), "_2xx", "_2xx", "2xx", "2xx"),
        (level("größe.日本"), "gr_e", "gr_e", "größe.日本", "größe.日本"),
        (level("_"), "refused", "_", "_", "_"),
        (level("日本"), "refused", "refused", "日本", "日本"),
        (level("", "s"), "seconds", "refused", "_seconds", "refused"),
        (level("t", "s"), "t_seconds", "t", "t_seconds", "t"),
        (level("t_seconds", "s"), "t_seconds", "t_seconds", "t_seconds", "t_seconds"),
        (level("seconds.t", "s"), "seconds_t", "seconds_t", "seconds.t_seconds", "seconds.t"),
        (level("t", "ms"), "t_milliseconds", "t", "t_milliseconds", "t"),
        (level("t", "min"), "t_minutes", "t", "t_minutes", "t"),
        (level("t", "d"), "t_days", "t", "t_days", "t"),
        (level("m", "KiBy"), "m_kibibytes", "m", "m_kibibytes", "m"),
        (level("m", "kBy"), "m_kBy", "m", "m_kBy", "m"),
        (level("m", "m"), "m_meters", "m", "m_meters", "m"),
        (level("m", "Cel"), "m_celsius", "m", "m_celsius", "m"),
        (level("m", "%"), "m_percent", "m", "m_percent", "m"),
        (level("m", "{things}"), "m", "m", "m", "m"),
        (level("m", "{x}By"), "m", "m", "m", "m"),
        (level("m", " By "), "m_bytes", "m", "m_bytes", "m"),
        (level("m", "By/s"), "m_bytes_per_second", "m", "m_bytes_per_second", "m"),
        (level("m", "By/min"), "m_bytes_per_min", "m", "m_bytes_per_min", "m"),
        (level("m", "By/m"), "m_bytes_per_minute", "m", "m_bytes_per_minute", "m"),
        (level("m", "{x}/s"), "m_per_second", "m", "m_per_second", "m"),
        (level("m", "By/{x}"), "m_bytes", "m", "m_bytes", "m"),
        (level("m", "/"), "m", "m", "m", "m"),
        (level("m", "a/b/c"), "m_a_per_b_c", "m", "m_a_per_b/c", "m"),
        (level("m", "foo$"), "m_foo_", "m", "m_foo$", "m"),
        (level("m", "€"), "m", "m", "m_€", "m"),
        (level("m", "W.h"), "m_W_h", "m", "m_W.h", "m"),
        (level("cpu", "1"), "cpu_ratio", "cpu", "cpu_ratio", "cpu"),
        (level("cpu.ratio", "1"), "cpu_ratio", "cpu_ratio", "cpu_ratio", "cpu.ratio"),
        (level("ratio.cpu", "1"), "cpu_ratio", "ratio_cpu", "ratio.cpu_ratio", "ratio.cpu"),
        (rate("req"), "req_total", "req", "req_total", "req"),
        (rate("req", "1"), "req_total", "req", "req_total", "req"),
        (rate("req.total"), "req_total", "req_total", "req_total", "req.total"),
        (rate("total.req"), "req_total", "total_req", "total.req_total", "total.req"),
        (rate("io", "By"), "io_bytes_total", "io", "io_bytes_total", "io"),
        (rate("io", "foo$"), "io_foo__total", "io", "io_foo$_total", "io"),
        (rate("io_bytes_total", "By"), "io_bytes_total", "io_bytes_total", "io_bytes_total",
         "io_bytes_total"),
        (rate("q", "1", monotonic=False), "q", "q", "q", "q"),
        (rate("q", "By", monotonic=False), "q_bytes", "q", "q_bytes", "q"),
    ],
)  # fmt: skip
def test_metric_names(metric: pb.Metric, full: str, plain: str, utf8: str, none: str) -> None:
    expected = [(full, {}), (plain, PLAIN), (utf8, UTF8), (none, NONE)]
    for name, how in expected:
        lines = ["refused otlp_invalid 1"] if name == "refused" else [f"{name} 1"]
        assert lines_of(metric, **how) == lines


@pytest.mark.parametrize(
    ("key", "escaped", "kept"),
    [
        ("a", "a", "a"),
        ("http.method", "http_method", "http.method"),
        ("A-b c", "A_b_c", "A-b c"),
        ("1st", "key_1st", "1st"),
        ("_a", "key_a", "_a"),
        (".a", "key_a", ".a"),
        ("__a", "__a", "__a"),
        ("..a", "__a", "..a"),
        ("_", "key_", "_"),
        ("é", "key_", "é"),
        ("日", "key_", "日"),
        ("日本", None, "日本"),
        ("__", None, "__"),
        ("___x", "___x", "___x"),
        ("a:b", "a_b", "a:b"),
        ("", None, None),
        ("__type__", "__type__", "__type__"),
    ],
)
def test_attribute_names(key: str, escaped: str | None, kept: str | None) -> None:
    metric = gauge("g", number(1, labels={key: "v"}))
    for name, how in ((escaped, {}), (escaped, PLAIN), (kept, UTF8), (kept, NONE)):
        lines = ["refused otlp_invalid 1"] if name is None else [f'g{{{name}="v"}} 1']
        assert lines_of(metric, **how) == lines


@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        (level("m", "By"), '__type__="gauge",__unit__="bytes"'),
        (rate("m", "By/s"), '__type__="counter",__unit__="bytes_per_second"'),
        (rate("m", "s", monotonic=False), '__type__="gauge",__unit__="seconds"'),
        (level("m"), '__type__="gauge"'),
        (level("m", "1"), '__type__="gauge"'),
        (level("m", "{x}"), '__type__="gauge"'),
        (level("m", "foo$"), '__type__="gauge",__unit__="foo"'),
        (exponential("m", pb.ExponentialHistogramDataPoint(time_unix_nano=10**9), unit="s"),
         '__type__="histogram",__unit__="seconds"'),
        (histogram("m", pb.HistogramDataPoint(time_unix_nano=10**9), unit="s"),
         '__type__="histogram",__unit__="seconds"'),
        (pb.Metric(name="m", summary=pb.Summary(
            data_points=[pb.SummaryDataPoint(time_unix_nano=10**9)])), '__type__="summary"'),
    ],
)  # fmt: skip
def test_type_and_unit_labels(metric: pb.Metric, labels: str) -> None:
    for how in (PLAIN, NONE):
        found = lines_of(metric, type_and_unit=True, **how)
        assert found
        assert all(f"{{{labels}" in line for line in found), found
        assert not any("__type__" in line for line in lines_of(metric, **how))


def test_type_and_unit_win_over_attributes() -> None:
    point = number(1, labels={"__type__": "x", "__unit__": "y"})
    lines = lines_of(gauge("m", point, unit="s"), type_and_unit=True)
    assert lines == ['m_seconds{__type__="gauge",__unit__="seconds"} 1']
    lines = lines_of(gauge("m", point), type_and_unit=True)
    assert lines == ['m{__type__="gauge",__unit__="y"} 1']
    assert lines_of(gauge("m", point)) == ['m{__type__="x",__unit__="y"} 1']
