"""The limits file: what it may say, and what tenants get of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from receiver.limits.limits import NO_LIMITS, Limits, LimitsInForce, parse_limits, read_limits
from receiver.settings.config import ConfigError
from storage.labels.matchers import Matcher
from storage.options import DAY_MS
from storage.shard.periods import PeriodRule, TenantPeriods
from storage.tenants.rules import NO_RULES, HaRules, TenantRules

EXAMPLE = """
limits:
  ingestion_rate: 10.5
  max_global_series_per_user: 100
  out_of_order_time_window: 1h30m
overrides:
  a:
    ingestion_burst_size: 7
    max_recv_msg_size: 1MiB
    creation_grace_period: 0
    max_global_exemplars_per_user: 5
    max_fetched_series_per_query: 9
    request_rate: 0.5
  b: {ingestion_rate: 0, max_label_names_per_series: 3, max_label_name_length: 4,
      max_label_value_length: 5, metric_relabel_configs: [{action: Drop, regex: x}]}
  17:
  ha: {accept_ha_samples: true, ha_cluster_label: pair, ha_max_clusters: 7,
       ha_tracker_failover_timeout: 2m}
"""


def read(directory: Path, text: str) -> Limits:
    path = directory / "limits.yml"
    path.write_text(text)
    return read_limits(path).value


def test_tenants_get_the_defaults_and_what_is_their_own(tmp_path: Path) -> None:
    path = tmp_path / "limits.yml"
    path.write_text(EXAMPLE)
    limits = read_limits(path).value
    other, a, b = (limits.of(tenant) for tenant in "xab")
    assert other == limits.of("17") == limits.defaults
    assert (other.ingestion_rate, other.sample_burst) == (10.5, 210)
    assert (a.ingestion_rate, a.sample_burst, a.max_recv_msg_size) == (10.5, 7, 1 << 20)
    assert (a.request_rate, a.request_burst) == (0.5, 10)
    window = {"out_of_order_ms": 5_400_000, "series_max": 100}
    assert other.rules == TenantRules(**window)
    assert a.rules == TenantRules(**window, grace_ms=0, exemplars_max=5, fetched_series_max=9)
    assert b.ingestion_rate == 0
    assert b.rules.of_labels[:3] == (3, 4, 5)
    assert [rule.action for rule in b.rules.relabel] == ["drop"]
    assert limits.of("ha").rules.ha == HaRules("pair", "__replica__", 120_000, 7)


@pytest.mark.parametrize("text", ["", "{}", "limits:", "limits: {}\noverrides: {}"])
def test_an_empty_file_limits_nothing(text: str) -> None:
    assert parse_limits(yaml.safe_load(text)).of("t") == NO_LIMITS
    assert NO_LIMITS.rules == LimitsInForce().rules("t") == NO_RULES


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[]", "the file: got list; allowed is a map"),
        ("limit: {}", "the file: got 'limit'; allowed are limits, overrides"),
        ("limits: 1", "limits: got int; allowed is a map"),
        ("limits: {rate: 1}", "limits: got 'rate'; allowed are .*, ingestion_rate, ingestion_b"),
        ("limits: {ingestion_rate: -1}", "limits.ingestion_rate: got -1; allowed is a number of 0"),
        ("limits: {ingestion_rate: .nan}", "got nan; allowed is a number"),
        ("limits: {ingestion_rate: true}", "got True; allowed is a number"),
        ("limits: {max_label_name_length: 1.5}", "got 1.5; allowed is a whole number"),
        ("limits: {max_label_name_length: -5}", "got -5; allowed is 0 to"),
        ("limits: {creation_grace_period: 5}", "got 5; allowed is a duration"),
        ("limits: {max_recv_msg_size: 5x}", "got '5x'; allowed is a size"),
        ("overrides: {a/b: {}}", "overrides: invalid tenant 'a/b'"),
        ("overrides: {a: {rate: 1}}", "overrides.a: got 'rate'"),
        ("limits: {metric_relabel_configs: {}}", "allowed is a list of up to 1000 rules"),
        (
            "limits: {metric_relabel_configs: [{target_label: a}, {action: keep, regex: (}]}",
            r"rules with action, source_labels, .*; rule 2: regex: got '\('",
        ),
        ("limits: {metric_relabel_configs: [{regexp: a}]}", "rule 1: .*regexp"),
        ("limits: {metric_relabel_configs: [5]}", "rule 1: "),
        ("limits: {accept_ha_samples: 1}", "limits.accept_ha_samples: got 1; allowed is true or f"),
        ("limits: {ha_replica_label: [r]}", r"got \['r'\]; allowed is a text"),
        ("limits: {ha_replica_label: cluster}", "got 'cluster' and 'cluster'; allowed are two"),
        ("limits: {ha_cluster_label: ''}", "limits: ha_cluster_label and ha_replica_label: got ''"),
        ("limits: {ha_replica_label: __name__}", "two different label names other than __name__"),
        (
            "{limits: {ha_tracker_update_timeout: 20s},"
            " overrides: {a: {ha_tracker_failover_timeout: 20s}}}",
            "overrides.a.ha_tracker_failover_timeout: got 20000 ms; allowed is more than "
            "ha_tracker_update_timeout, 20000 ms",
        ),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "limits.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=error) as raised:
        read_limits(path)
    assert str(path) in str(raised.value)


def test_no_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_limits(tmp_path / "none")
    (tmp_path / "bad").write_text("{")
    with pytest.raises(ConfigError, match="no valid YAML"):
        read_limits(tmp_path / "bad")


def test_retention_of_a_tenant_and_its_rules(tmp_path: Path) -> None:
    limits = read(
        tmp_path,
        """
limits:
  compactor_blocks_retention_period: 30d
overrides:
  a:
    retention_rules:
      - {match: 'up{job="x"}', period: 3d}
      - {match: '{i=~"1|2"}', period: 12h}
""",
    )
    assert limits.of("b").periods == TenantPeriods(30 * DAY_MS)
    job, up = Matcher("job", "=", "x"), Matcher("__name__", "=", "up")
    assert limits.of("a").periods == TenantPeriods(
        30 * DAY_MS,
        (
            PeriodRule((job, up), 3 * DAY_MS),
            PeriodRule((Matcher("i", "=~", "1|2"),), DAY_MS // 2),
        ),
    )
    assert NO_LIMITS.periods == TenantPeriods()


def test_retention_by_resolution(tmp_path: Path) -> None:
    limits = read(
        tmp_path,
        """
limits:
  retention_5m: 20d
  retention_1h: 40d
  retention_rules:
    - {match: up, period: 3d, resolution: 5m}
    - {match: up, period: 2d, resolution: raw}
""",
    )
    up = (Matcher("__name__", "=", "up"),)
    assert limits.of("a").periods == TenantPeriods(
        None,
        (PeriodRule(up, 3 * DAY_MS, 300_000), PeriodRule(up, 2 * DAY_MS, 0)),
        20 * DAY_MS,
        40 * DAY_MS,
    )


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ("[{match: up, period: 1d, resolution: 2h}]", "the resolution must be one of raw, 5m, 1h"),
        ("7", "a list of up to 100 rules"),
        ("[{match: up}]", "rule 1: "),
        ("[{match: up, period: 0}]", "rule 1: the period must be longer than 0"),
        ("[{match: 'up{', period: 1d}]", "rule 1: got 'up{'"),
        ("[{match: up, period: 1d}, {match: up, for: 1d}]", "rule 2: .*'for'"),
    ],
)
def test_bad_rules_of_retention(tmp_path: Path, rules: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        read(tmp_path, f"limits: {{retention_rules: {rules}}}")
