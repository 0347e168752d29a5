"""Which Alertmanagers settings and files describe, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.notifying.access import Access
from rules.notifying.alertmanagers import Alerting, of_document, of_urls

TIMEOUT_MS = 7_000


def of_text(text: str, directory: Path = Path()) -> Alerting:
    return of_document(yaml.safe_load(text), directory, TIMEOUT_MS)[0]


def urls(alerting: Alerting, tenant: str = "t") -> list[str]:
    return [each.url for block in alerting.of(tenant) for each in block.alertmanagers]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://am:9093", "http://am:9093/api/v2/alerts"),
        ("http://am:9093/", "http://am:9093/api/v2/alerts"),
        ("https://am/one/two/", "https://am/one/two/api/v2/alerts"),
        ("http://[::1]:9093/x/api/v2/alerts", "http://[::1]:9093/x/api/v2/alerts"),
    ],
)
def test_a_url_is_that_of_an_alertmanager_or_of_its_alerts(given: str, url: str) -> None:
    (block,) = of_urls([given], TIMEOUT_MS).blocks
    (alertmanager,) = block.alertmanagers
    assert alertmanager.url == url
    assert (alertmanager.timeout_s, alertmanager.access) == (7.0, Access())


def test_a_url_may_hold_a_user() -> None:
    (block,) = of_urls(["http://me:p%40ss@am:9093/x"], TIMEOUT_MS).blocks
    (alertmanager,) = block.alertmanagers
    assert alertmanager.url == "http://am:9093/x/api/v2/alerts"
    assert alertmanager.access.headers == (("Authorization", "Basic bWU6cEBzcw=="),)


def test_the_same_url_twice_is_one_alertmanager() -> None:
    assert len(urls(of_urls(["http://b", "http://a", "http://b/"], TIMEOUT_MS))) == 2
    assert of_urls([], TIMEOUT_MS) == Alerting()


@pytest.mark.parametrize(
    "given", ["am:9093", "ftp://am", "http://", "http://am/?x=1", "http://a#b"]
)
def test_what_is_no_such_url_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="allowed are URLs such as"):
        of_urls([given], TIMEOUT_MS)


def test_a_password_is_not_in_the_error() -> None:
    with pytest.raises(ValueError, match="allowed are URLs") as raised:
        of_urls(["ftp://me:secret@am"], TIMEOUT_MS)
    assert "secret" not in str(raised.value)


FILE = """
alerting:
  alert_relabel_configs:
  - {action: labeldrop, regex: replica}
  alertmanagers:
  - static_configs:
    - targets: [a:9093, b:9093]
  - scheme: https
    path_prefix: /am/
    timeout: 1m
    api_version: v2
    tenants: [team-a, team-b]
    static_configs:
    - targets: [c]
      labels: {zone: x}
    - targets: [d, e]
    relabel_configs:
    - {source_labels: [zone], regex: x, action: drop}
    - {source_labels: [__address__], regex: e, target_label: __address__, replacement: 'f:1'}
    alert_relabel_configs:
    - {source_labels: [severity], regex: page, action: Keep}
"""


def test_a_file_has_prometheus_form() -> None:
    alerting = of_text(FILE)
    assert [rule.action for rule in alerting.relabel] == ["labeldrop"]
    everyone, some = alerting.blocks
    assert urls(alerting) == ["http://a:9093/api/v2/alerts", "http://b:9093/api/v2/alerts"]
    assert urls(alerting, "team-b")[2:] == [
        "https://d/am/api/v2/alerts",
        "https://f:1/am/api/v2/alerts",
    ]
    assert some.dropped == ("https://c/am/api/v2/alerts",)
    assert [rule.action for rule in some.relabel] == ["keep"]
    assert everyone.alertmanagers[0].timeout_s == 7.0
    assert some.alertmanagers[0].timeout_s == 60.0


def test_the_section_may_stand_alone_and_a_file_may_be_empty() -> None:
    inner = yaml.safe_dump(yaml.safe_load(FILE)["alerting"])
    assert of_text(inner) == of_text(FILE)
    assert of_text("") == of_text("{}") == of_text("alerting:") == Alerting()


def test_files_and_urls_are_joined() -> None:
    joined = of_text(FILE).joined(of_urls(["http://z"], TIMEOUT_MS))
    assert urls(joined)[-1] == "http://z/api/v2/alerts"
    assert len(joined.relabel) == 1


def block(**fields: Any) -> dict[str, Any]:
    return {"alertmanagers": [{"static_configs": [{"targets": ["a"]}], **fields}]}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "Expected `object`, got `array`"),
        ({"alertmanager": []}, "unknown field `alertmanager`"),
        (block(schema="http"), "unknown field `schema`"),
        (block(scheme="gopher"), "entry 1: scheme: got 'gopher'; allowed are http, https"),
        (
            block(api_version="v1"),
            "expected Alertmanager api version to be one of [v2] but got v1",
        ),
        (block(timeout="10"), "entry 1: "),
        (block(timeout="0s"), "timeout: got '0s'; allowed is 1ms to 10m"),
        (block(tenants=["a|b"]), "entry 1: "),
        (block(dns_sd_configs=[]), "unknown field `dns_sd_configs`"),
        (block(oauth2={"client_id": "x"}), "oauth2: not there in Cupola"),
        (block(static_configs=[{"targets": ["http://a"]}]), "targets: got 'http://a'; allowed is"),
        (
            block(relabel_configs=[{"action": "hashmod"}]),
            "relabel_configs: allowed is rules",
        ),
        (
            {"alert_relabel_configs": [{"action": "x"}]},
            "alert_relabel_configs: allowed is rules",
        ),
    ],
)
def test_what_a_file_has_wrong_is_named(document: Any, text: str) -> None:
    with pytest.raises(ValueError) as raised:
        of_document(document, Path(), TIMEOUT_MS)
    assert text in str(raised.value)


def test_there_is_a_limit_of_alertmanagers() -> None:
    many = block(static_configs=[{"targets": [f"a{i}" for i in range(1001)]}])
    with pytest.raises(ValueError, match="alertmanagers: got 1001; allowed are 1000"):
        of_document(many, Path(), TIMEOUT_MS)
