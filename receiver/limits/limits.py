"""The limits of tenants, by Mimir's names, and the YAML file that holds them.

    limits:                    for every tenant
      ingestion_rate: 10000
    overrides:                 for a tenant by its name, over the above
      team-a:
        ingestion_rate: 50000

Everything has a default that limits nothing beyond what the settings of the program do. Unknown
names are errors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from receiver.limits.rule_limits import RuleLimits
from receiver.selector import parse_selector
from receiver.settings.config import ConfigError, a_map, read_document
from receiver.settings.kinds import (
    NUMBER_MAX,
    parse_bytes,
    parse_duration,
    parse_flag,
    parse_integer,
    parse_list,
    parse_text,
)
from receiver.settings.reloading import Reading, WatchedFile
from storage.errors import TenantError
from storage.labels.matchers import METRIC_NAME
from storage.options import setting
from storage.shard.periods import PeriodRule, TenantPeriods
from storage.tenants.relabel import RelabelRule, read_rules
from storage.tenants.rules import HaRules, TenantRules
from storage.tenants.tenant import parse_tenant

NUMBERS_MAX = 1e15
# A burst that is not given: how many seconds of the rate may come at once.
BURST_SECONDS = 20
PERIOD_RULES_MAX = 100
LABELS_MAX = 100


@dataclass(frozen=True)
class TenantLimits(RuleLimits):
    """What one tenant may do, that of its rules first. 0 stands for no limit of its own, but where
    it is said."""

    ingestion_rate: float = setting(
        "ingestion_rate", "number", 0.0, "Samples, histograms and exemplars a second."
    )
    ingestion_burst_size: int = setting(
        "ingestion_burst_size",
        "integer",
        0,
        "How many of them may come at once; 0 is 20 seconds of ingestion_rate.",
    )
    request_rate: float = setting("request_rate", "number", 0.0, "Write requests a second.")
    request_burst_size: int = setting(
        "request_burst_size",
        "integer",
        0,
        "How many of them may come at once; 0 is 20 seconds of request_rate.",
    )
    max_recv_msg_size: int = setting(
        "max_recv_msg_size", "bytes", 0, "Size of a write request's body as it is sent."
    )
    max_global_series_per_user: int = setting(
        "max_global_series_per_user", "integer", 0, "Active series; see below."
    )
    max_label_names_per_series: int = setting(
        "max_label_names_per_series", "integer", 0, "Labels of a series, __name__ included."
    )
    max_label_name_length: int = setting(
        "max_label_name_length", "integer", 0, "Bytes of a label name."
    )
    max_label_value_length: int = setting(
        "max_label_value_length", "integer", 0, "Bytes of a label value."
    )
    max_global_exemplars_per_user: int | None = setting(
        "max_global_exemplars_per_user",
        "integer",
        None,
        "Exemplars that a head keeps, the newest ones, if fewer than the setting; 0 keeps none.",
    )
    out_of_order_time_window_ms: int = setting(
        "out_of_order_time_window",
        "duration",
        0,
        "How old a sample may be when it comes; 0 is as old as the retention allows.",
    )
    creation_grace_period_ms: int | None = setting(
        "creation_grace_period",
        "duration",
        None,
        "How far in the future a sample may be; 0 allows none. By default "
        "storage.creation-grace-period counts.",
    )
    compactor_blocks_retention_period_ms: int = setting(
        "compactor_blocks_retention_period",
        "duration",
        0,
        "How long samples are kept; 0 is as long as storage.retention says.",
    )
    retention_5m_ms: int = setting(
        "retention_5m",
        "duration",
        0,
        "How long windows of 5 minutes are kept; 0 is as long as storage.retention-5m says.",
    )
    retention_1h_ms: int = setting(
        "retention_1h",
        "duration",
        0,
        "How long windows of an hour are kept; 0 is as long as storage.retention-1h says.",
    )
    retention_rules: tuple[PeriodRule, ...] = setting(
        "retention_rules", "periods", (), "Series that are kept for a shorter time; see below."
    )
    max_fetched_series_per_query: int = setting(
        "max_fetched_series_per_query", "integer", 0, "Series that one selector may match."
    )
    max_query_lookback_ms: int = setting(
        "max_query_lookback",
        "duration",
        0,
        "How old samples may be that queries see; older ones are as if they were not there.",
    )
    max_total_query_length_ms: int = setting(
        "max_total_query_length", "duration", 0, "How long the range of a range query may be."
    )
    max_query_expression_size_bytes: int = setting(
        "max_query_expression_size_bytes", "bytes", 0, "Size of the text of a query."
    )
    max_samples_per_query: int = setting(
        "max_samples_per_query", "integer", 0, "Samples that a query may hold in memory at a time."
    )
    max_series_per_query: int = setting(
        "max_series_per_query", "integer", 0, "Series that all selectors of a query may match."
    )
    max_steps_per_query: int = setting(
        "max_steps_per_query", "integer", 0, "Steps of a range query after its first."
    )
    query_timeout_ms: int = setting(
        "query_timeout", "duration", 0, "How long a query may take, waiting included."
    )
    max_concurrent_queries: int = setting(
        "max_concurrent_queries", "integer", 0, "Reading requests that are computed at a time."
    )
    max_outstanding_requests_per_tenant: int = setting(
        "max_outstanding_requests_per_tenant", "integer", 0, "Reading requests that may wait."
    )
    max_query_response_size: int = setting(
        "max_query_response_size", "bytes", 0, "Size of an answer before it is compressed."
    )
    metric_relabel_configs: tuple[RelabelRule, ...] = setting(
        "metric_relabel_configs", "rules", (), "Prometheus' rules, applied to new series."
    )

    accept_ha_samples: bool = setting(
        "accept_ha_samples",
        "flag",
        False,
        "Whether one replica of each HA pair is stored; see below.",
    )
    ha_cluster_label: str = setting(
        "ha_cluster_label", "text", "cluster", "Label that names the HA pair."
    )
    ha_replica_label: str = setting(
        "ha_replica_label", "text", "__replica__", "Label that tells its replicas apart."
    )
    ha_max_clusters: int = setting("ha_max_clusters", "integer", 100, "HA pairs; 0 is any number.")
    ha_tracker_update_timeout_ms: int = setting(
        "ha_tracker_update_timeout",
        "duration",
        15_000,
        "Has no effect, since every sample counts; must be below ha_tracker_failover_timeout.",
    )
    ha_tracker_failover_timeout_ms: int = setting(
        "ha_tracker_failover_timeout",
        "duration",
        30_000,
        "How long nothing of a series must have come from the stored replica for another one to "
        "take over.",
    )

    @cached_property
    def rules(self) -> TenantRules:
        """What storage has to obey."""
        return TenantRules(
            series_max=self.max_global_series_per_user,
            labels_max=self.max_label_names_per_series,
            name_bytes_max=self.max_label_name_length,
            value_bytes_max=self.max_label_value_length,
            out_of_order_ms=self.out_of_order_time_window_ms,
            grace_ms=self.creation_grace_period_ms,
            exemplars_max=self.max_global_exemplars_per_user,
            fetched_series_max=self.max_fetched_series_per_query,
            relabel=self.metric_relabel_configs,
            ha=self.ha_rules,
        )

    @cached_property
    def periods(self) -> TenantPeriods:
        """How long storage keeps samples."""
        return TenantPeriods(
            self.compactor_blocks_retention_period_ms or None,
            self.retention_rules,
            self.retention_5m_ms or None,
            self.retention_1h_ms or None,
        )

    @property
    def ha_rules(self) -> HaRules | None:
        if not self.accept_ha_samples:
            return None
        return HaRules(
            self.ha_cluster_label,
            self.ha_replica_label,
            self.ha_tracker_failover_timeout_ms,
            self.ha_max_clusters,
        )

    @property
    def sample_burst(self) -> float:
        return self.ingestion_burst_size or BURST_SECONDS * self.ingestion_rate

    @property
    def request_burst(self) -> float:
        return self.request_burst_size or max(1.0, BURST_SECONDS * self.request_rate)


NO_LIMITS = TenantLimits()


@dataclass(frozen=True, slots=True)
class Limits:
    """The content of a limits file."""

    defaults: TenantLimits = NO_LIMITS
    overrides: Mapping[str, TenantLimits] = field(default_factory=dict)

    def of(self, tenant: str) -> TenantLimits:
        return self.overrides.get(tenant, self.defaults)


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """The limits of tenants now. file: None where no file is configured."""

    file: WatchedFile[Limits] | None = None

    def of(self, tenant: str) -> TenantLimits:
        return NO_LIMITS if self.file is None else self.file.value.of(tenant)

    def rules(self, tenant: str) -> TenantRules:
        return self.of(tenant).rules

    def periods(self, tenant: str) -> TenantPeriods:
        return self.of(tenant).periods


def read_limits(path: Path) -> Reading[Limits]:
    """The limits of a file. Raises ConfigError, OSError or ValueError."""
    document = read_document(path)
    try:
        return Reading(parse_limits(document))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_limits(document: object) -> Limits:
    """Raises ValueError."""
    sections = a_map("the file", document, ("limits", "overrides"))
    defaults = parse_tenant_limits("limits", sections.get("limits"), NO_LIMITS)
    overrides = {}
    for name, given in a_map("overrides", sections.get("overrides")).items():
        try:
            tenant = parse_tenant(str(name))
        except TenantError as error:
            raise ValueError(f"overrides: {error}") from error
        overrides[tenant] = parse_tenant_limits(f"overrides.{tenant}", given, defaults)
    return Limits(defaults, overrides)


def parse_tenant_limits(place: str, given: object, base: TenantLimits) -> TenantLimits:
    """The limits of `base` with those given in their place. Raises ValueError."""
    known = {limit.metadata["key"]: limit for limit in fields(TenantLimits)}
    changes: dict[str, Any] = {}
    for key, value in a_map(place, given, known).items():
        limit = known[key]
        try:
            changes[limit.name] = PARSERS[limit.metadata["kind"]](value)
        except ValueError as error:
            raise ValueError(f"{place}.{key}: got {value!r}; allowed is {error}") from error
    limits = replace(base, **changes)
    check_ha_settings(place, limits)
    return limits


def check_ha_settings(place: str, limits: TenantLimits) -> None:
    """Raises ValueError."""
    labels = (limits.ha_cluster_label, limits.ha_replica_label)
    if labels[0] == labels[1] or "" in labels or METRIC_NAME in labels:
        raise ValueError(
            f"{place}: ha_cluster_label and ha_replica_label: got {labels[0]!r} and {labels[1]!r}; "
            f"allowed are two different label names other than {METRIC_NAME}"
        )
    update_ms, failover_ms = (
        limits.ha_tracker_update_timeout_ms,
        limits.ha_tracker_failover_timeout_ms,
    )
    if failover_ms <= update_ms:
        raise ValueError(
            f"{place}.ha_tracker_failover_timeout: got {failover_ms} ms; allowed is more than "
            f"ha_tracker_update_timeout, {update_ms} ms"
        )


def parse_number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= NUMBERS_MAX:
        return float(value)
    raise ValueError(f"a number of 0 to {NUMBERS_MAX:.0f}")


def parse_count(value: object) -> int:
    count = parse_integer(value)
    if not 0 <= count <= NUMBER_MAX:
        raise ValueError(f"0 to {NUMBER_MAX}")
    return count


RESOLUTIONS = {"raw": 0, "5m": 300_000, "1h": 3_600_000}


def parse_resolution(entry: Mapping[str, object]) -> int | None:
    """Of which data a rule is, in ms; None: of all."""
    if "resolution" not in entry:
        return None
    name = entry["resolution"]
    if name not in RESOLUTIONS:
        raise ValueError(f"the resolution must be one of {', '.join(RESOLUTIONS)}")
    return RESOLUTIONS[str(name)]


def parse_periods(value: object) -> tuple[PeriodRule, ...]:
    """A list of {match, period, resolution}: selectors, for how long what they select is kept, and
    of which data that is said: raw, 5m or 1h; without it, of all."""
    if not isinstance(value, list) or len(value) > PERIOD_RULES_MAX:
        raise ValueError(f"a list of up to {PERIOD_RULES_MAX} rules")
    rules = []
    for position, given in enumerate(value, 1):
        try:
            entry = a_map(f"rule {position}", given, ("match", "period", "resolution"))
            period_ms = parse_duration(entry.get("period"))
            if period_ms <= 0:
                raise ValueError("the period must be longer than 0")
            matchers = parse_selector(str(entry.get("match", "")))
            rules.append(PeriodRule(matchers, period_ms, parse_resolution(entry)))
        except ValueError as error:
            raise ValueError(
                f"rules with match, period, resolution; rule {position}: {error}"
            ) from error
    return tuple(rules)


def parse_labels(value: object) -> dict[str, str]:
    """A map of label names and values."""
    if not isinstance(value, dict) or len(value) > LABELS_MAX:
        raise ValueError(f"a map of up to {LABELS_MAX} labels")
    if not all(isinstance(text, str) and text for pair in value.items() for text in pair):
        raise ValueError("a map of texts that are not empty")
    return dict(value)


PARSERS: dict[str, Callable[[object], Any]] = {
    "number": parse_number,
    "integer": parse_count,
    "bytes": parse_bytes,
    "duration": parse_duration,
    "flag": parse_flag,
    "text": parse_text,
    "list": parse_list,
    "rules": read_rules,
    "periods": parse_periods,
    "labels": parse_labels,
}
