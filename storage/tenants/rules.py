"""What storage obeys for one tenant beyond the settings of all: limits and relabelling.

Rules may change while the program runs, and replay must judge every request as it was judged when
it was acknowledged. So a shard logs the rules of a tenant before the first request that they were
applied to, and replay takes them from there (storage/log/rules.py).

Invariants:
* Rules are immutable and compare by value; a limit of 0 means that only the setting for all counts.
* What the log holds is read by every later version: fields are added, never renamed.
"""

from collections.abc import Callable

import msgspec

from storage.reasons import (
    TENANT_NAME_TOO_LONG,
    TENANT_SERIES_LIMIT,
    TENANT_TOO_MANY_CLUSTERS,
    TENANT_TOO_MANY_LABELS,
    TENANT_VALUE_TOO_LONG,
)
from storage.tenants.relabel import RelabelRule


class HaRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which labels distinguish replicas, and when another one takes over. clusters_max: 0 is any
    number."""

    cluster_label: str
    replica_label: str
    failover_ms: int
    clusters_max: int = 0


class TenantRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limits by unit and relabelling of one tenant. ha: None where all replicas are stored."""

    series_max: int = 0
    labels_max: int = 0
    name_bytes_max: int = 0
    value_bytes_max: int = 0
    out_of_order_ms: int = 0
    grace_ms: int | None = None
    exemplars_max: int | None = None
    fetched_series_max: int = 0
    relabel: tuple[RelabelRule, ...] = ()
    ha: HaRules | None = None

    @property
    def of_labels(self) -> tuple[object, ...]:
        """What decides whether and how a label set is registered, the number of series aside."""
        ha = self.ha and (self.ha.cluster_label, self.ha.replica_label)
        return (self.labels_max, self.name_bytes_max, self.value_bytes_max, self.relabel, ha)


NO_RULES = TenantRules()
# The rules of a tenant by its name, asked once for each request.
RulesSource = Callable[[str], TenantRules]

SERIES_REASONS: dict[int, tuple[str, Callable[[TenantRules], str]]] = {
    TENANT_SERIES_LIMIT: (
        "tenant_series_limit",
        lambda r: (
            f"a new series above the {r.series_max} active ones that the tenant may have "
            "(max_global_series_per_user in limits.file)"
        ),
    ),
    TENANT_TOO_MANY_LABELS: (
        "too_many_labels",
        lambda r: f"more than {r.labels_max} labels (max_label_names_per_series in limits.file)",
    ),
    TENANT_NAME_TOO_LONG: (
        "label_too_long",
        lambda r: (
            f"a label name over {r.name_bytes_max} bytes (max_label_name_length in limits.file)"
        ),
    ),
    TENANT_VALUE_TOO_LONG: (
        "label_too_long",
        lambda r: (
            f"a label value over {r.value_bytes_max} bytes (max_label_value_length in limits.file)"
        ),
    ),
    TENANT_TOO_MANY_CLUSTERS: (
        "too_many_ha_clusters",
        lambda r: (
            f"an HA cluster above the {r.ha.clusters_max if r.ha else 0} that the tenant may have "
            "(ha_max_clusters in limits.file)"
        ),
    ),
}


def encode_rules(rules: TenantRules) -> bytes:
    """The bytes of a log record's payload."""
    return msgspec.json.encode(rules)


def decode_rules(payload: bytes) -> TenantRules:
    """Raises ValueError if the payload is none of encode_rules()."""
    try:
        return msgspec.json.decode(payload, type=TenantRules)
    except msgspec.MsgspecError as error:
        raise ValueError(f"rules of a tenant: {error}") from error
