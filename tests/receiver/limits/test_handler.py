"""What a tenant is told of its limits."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from receiver.limits.handler import effective
from receiver.limits.limits import NO_LIMITS, TenantLimits
from receiver.settings.config import build
from storage.labels.matchers import Matcher
from storage.options import DAY_MS, StorageOptions
from storage.shard.periods import PeriodRule

CONFIG = replace(
    build({"query.max-series": 7, "api.max-answer-bytes": "2KiB", "api.max-waiting-requests": 9}),
    storage=replace(StorageOptions(), labels_per_series_max=10, label_bytes_max=100),
)


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        (
            TenantLimits(),
            {
                "ingestion_rate": 0.0,
                "ingestion_burst_size": 0,
                "max_label_names_per_series": 10,
                "max_label_value_length": 100,
                "max_global_series_per_user": 0,
                "creation_grace_period": "10m",
                "out_of_order_time_window": "15d",
                "compactor_blocks_retention_period": "15d",
                "metric_relabel_configs": (),
            },
        ),
        (
            TenantLimits(
                ingestion_rate=2,
                request_rate=3,
                request_burst_size=4,
                max_label_names_per_series=11,
                max_label_value_length=99,
                out_of_order_time_window_ms=60_000,
                creation_grace_period_ms=0,
            ),
            {
                "ingestion_rate": 2,
                "ingestion_burst_size": 40,
                "request_burst_size": 4,
                "max_label_names_per_series": 10,
                "max_label_value_length": 99,
                "out_of_order_time_window": "1m",
                "creation_grace_period": "0",
            },
        ),
        (
            TenantLimits(
                compactor_blocks_retention_period_ms=2 * DAY_MS,
                retention_5m_ms=3 * DAY_MS,
                retention_rules=(PeriodRule((Matcher("a", "=~", 'x"'),), DAY_MS, 300_000),),
            ),
            {
                "compactor_blocks_retention_period": "2d",
                "retention_5m": "3d",
                "retention_1h": "90d",
                "retention_rules": [{"match": '{a=~"x\\""}', "period": "1d", "resolution": "5m"}],
            },
        ),
        (
            TenantLimits(out_of_order_time_window_ms=20 * DAY_MS),
            {"out_of_order_time_window": "15d"},
        ),
        (
            TenantLimits(max_series_per_query=8, query_timeout_ms=5_000, max_samples_per_query=6),
            {
                "max_series_per_query": 7,
                "query_timeout": "5s",
                "max_samples_per_query": 6,
                "max_steps_per_query": 11_000,
                "max_concurrent_queries": 20,
                "max_outstanding_requests_per_tenant": 9,
                "max_query_response_size": 2048,
            },
        ),
    ],
)
def test_what_is_in_force(limits: TenantLimits, wanted: dict[str, object]) -> None:
    told = effective(limits, CONFIG)
    assert {name: told[name] for name in wanted} == wanted


def test_every_limit_is_told() -> None:
    names = {limit.metadata["key"] for limit in fields(TenantLimits)}
    assert set(effective(NO_LIMITS, CONFIG)) == names
