"""Names of OpenTelemetry become those that Prometheus would give them."""

from __future__ import annotations

import pytest

from receiver.otlp.names import STRATEGIES, label_name, metric_name, unit_name

FULL, PLAIN, UTF8, NONE = STRATEGIES.values()


@pytest.mark.parametrize(
    ("name", "unit", "suffix", "full", "plain", "utf8"),
    [
        ("up", "", "", "up", "up", "up"),
        ("http.server.duration", "s", "", "http_server_duration_seconds", "http_server_duration",
         "http.server.duration_seconds"),
        ("requests", "1", "total", "requests_total", "requests", "requests_total"),
        ("requests.total", "{request}", "total", "requests_total", "requests_total",
         "requests_total"),
        ("total.requests", "", "total", "requests_total", "total_requests", "total.requests_total"),
        ("cpu.utilization", "1", "ratio", "cpu_utilization_ratio", "cpu_utilization",
         "cpu.utilization_ratio"),
        ("memory", "By", "", "memory_bytes", "memory", "memory_bytes"),
        ("memory.bytes", "By", "", "memory_bytes", "memory_bytes", "memory.bytes"),
        ("io", "By/s", "total", "io_bytes_per_second_total", "io", "io_bytes_per_second_total"),
        ("io", "{packets}/min", "", "io_per_min", "io", "io_per_min"),
        ("io", "/m", "", "io_per_minute", "io", "io_per_minute"),
        ("io", "By/", "", "io_bytes", "io", "io_bytes"),
        ("temperature", "Cel", "", "temperature_celsius", "temperature", "temperature_celsius"),
        ("share", "%", "", "share_percent", "share", "share_percent"),
        ("odd", "foo$bar", "", "odd_foo_bar", "odd", "odd_foo$bar"),
        ("odd", "foo$", "", "odd_foo_", "odd", "odd_foo$"),
        ("odd", "foo$$", "total", "odd_foo__total", "odd", "odd_foo$$_total"),
        ("odd", "$foo", "", "odd_foo", "odd", "odd_$foo"),
        ("odd", "foo$/s", "", "odd_foo_per_second", "odd", "odd_foo$_per_second"),
        ("odd", "foo$/b$", "total", "odd_foo_per_b_total", "odd", "odd_foo$_per_b$_total"),
        ("odd", "/$", "", "odd", "odd", "odd_per_$"),
        ("odd", "$", "", "odd", "odd", "odd_$"),
        ("odd.foo", "foo$", "", "odd_foo_foo_", "odd_foo", "odd.foo_foo$"),
        ("2xx", "", "total", "_2xx_total", "_2xx", "2xx_total"),
        ("_a__b:c.d_", "", "", "a_b:c_d", "_a__b:c_d_", "_a__b:c.d_"),
        ("a$$b", "", "", "a_b", "a_b", "a$$b"),
        ("größe", "", "", "gr_e", "gr_e", "größe"),
        ("...", "", "", "", "", "..."),
        ("_", "", "", "", "_", "_"),
        ("__$", "", "", "", "", "__$"),
        ("", "s", "", "seconds", "", "_seconds"),
    ],
)  # fmt: skip
def test_metric_names(name: str, unit: str, suffix: str, full: str, plain: str, utf8: str) -> None:
    assert metric_name(FULL, name, unit, suffix) == full
    assert metric_name(PLAIN, name, unit, suffix) == plain
    assert metric_name(UTF8, name, unit, suffix) == utf8
    assert metric_name(NONE, name, unit, suffix) == name


@pytest.mark.parametrize(
    ("name", "escaped", "kept"),
    [
        ("job", "job", "job"),
        ("service.name", "service_name", "service.name"),
        ("a__b", "a__b", "a__b"),
        ("a..b", "a__b", "a..b"),
        ("_a", "key_a", "_a"),
        ("__a__", "__a__", "__a__"),
        ("1a", "key_1a", "1a"),
        (".a", "key_a", ".a"),
        ("é", "key_", "é"),
        ("_", "key_", "_"),
        ("éé", "", "éé"),
        ("日本a", "__a", "日本a"),
        ("²", "key_", "²"),
        ("", "", ""),
        ("___", "", "___"),
    ],
)
def test_label_names(name: str, escaped: str, kept: str) -> None:
    assert label_name(FULL, name) == label_name(PLAIN, name) == escaped
    assert label_name(UTF8, name) == label_name(NONE, name) == kept


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("", ""),
        ("1", ""),
        ("ms", "milliseconds"),
        ("By/s", "bytes_per_second"),
        ("{x}", ""),
        ("foo$", "foo"),
        ("foo$/s", "foo__per_second"),
        ("/$", "per"),
        ("a$$b", "a_b"),
    ],
)
def test_unit_names(unit: str, name: str) -> None:
    assert unit_name(unit) == name
