"""The choice of a format: what Prometheus, agents and browsers say that they accept."""

import pytest

from api.answers.exposition.accept import Form, Format, choose_format

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
NATIVE = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "want"),
    [
        ("", Format(Form.TEXT)),
        ("*/*", Format(Form.TEXT)),
        ("text/html,application/xhtml+xml", Format(Form.TEXT)),
        (PROMETHEUS_3, Format(Form.OPEN_METRICS, any_names=True)),
        (NATIVE, Format(Form.PROTOBUF)),
        (NATIVE.replace("delimited", "delimited;q=0.1"), Format(Form.OPEN_METRICS)),
        ("text/plain;version=0.0.4", Format(Form.TEXT)),
        ("text/plain; version=1.0.0; escaping=allow-utf-8", Format(Form.TEXT_1, any_names=True)),
        ("text/plain;version=9", Format(Form.TEXT)),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Format(Form.TEXT)),
        ("application/openmetrics-text;q=0,*/*;q=0.1", Format(Form.TEXT)),
        ("application/openmetrics-text;q=x", Format(Form.TEXT)),
        ("application/vnd.google.protobuf;proto=other", Format(Form.TEXT)),
        (";;;,,=", Format(Form.TEXT)),
    ],
)
def test_formats(accept: str, want: Format) -> None:
    assert choose_format(accept) == want


def test_content_types() -> None:
    assert Format().content_type == (
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    )
    assert Format(Form.OPEN_METRICS, any_names=True).content_type.endswith("escaping=allow-utf-8")
