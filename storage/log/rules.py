"""What the log of a shard holds beside requests, so that replay judges them as ingest did.

    rules        the rules of a tenant, from here on; before the first request they were applied to
    left out     a request, and which of its series were refused for lack of room, for new series
                 or for HA clusters:
                 kind:u8 count:u32 positions:i32[count] payload            (little-endian)
    elections    the elected replicas of a tenant; after its rules, and as storage.shard.reigns says

Limits on labels and times follow from the rules and the request alone. Whether there was room for a
new series or cluster depended on the moment, so its answer is kept.

Invariants:
* From the log's position on, the rules of a tenant are logged before its first request, unless they
  never were anything but NO_RULES.
"""

import struct
from collections.abc import Callable

import numpy as np

from storage.batch import KIND_SERIES_LEFT_OUT, KIND_TENANT_RULES, Batch
from storage.kernels.arrays import NO_SERIES, Int32s, Int64s
from storage.reasons import TENANT_SERIES_LIMIT, TENANT_TOO_MANY_CLUSTERS
from storage.tenants.rules import NO_RULES, TenantRules, encode_rules

# In place of refs: refusals that the rules and the request alone do not show.
PASSING_REASONS = (-1 - TENANT_SERIES_LIMIT, -1 - TENANT_TOO_MANY_CLUSTERS)
_LEFT_OUT = struct.Struct("<BI")

# Appends a record to the log: kind, arrival, tenant, payload.
Append = Callable[[int, int, str, bytes], None]


class RuleLog:
    """The rules of the tenants of one shard as its log has them. For the shard's writer."""

    def __init__(self) -> None:
        self._rules: dict[str, TenantRules] = {}
        self._logged: set[str] = set()

    def of(self, tenant: str) -> TenantRules:
        """The rules that were logged last."""
        return self._rules.get(tenant, NO_RULES)

    def take(self, tenant: str, rules: TenantRules) -> None:
        """Note rules that come from the log."""
        self._rules[tenant] = rules

    def start_anew(self) -> None:
        """Log all rules again before they are used: the log's position moved on, or it is not known
        what the log holds."""
        self._logged.clear()

    def append(self, append: Append, arrival_ms: int, tenant: str, rules: TenantRules) -> bool:
        """Log the rules of a tenant, if they are not logged yet; returns whether they were not."""
        known = self._rules.get(tenant)
        if known is None and rules == NO_RULES:
            return False
        if tenant in self._logged and rules == known:
            return False
        append(KIND_TENANT_RULES, arrival_ms, tenant, encode_rules(rules))
        self._rules[tenant] = rules
        self._logged.add(tenant)
        return True


def loggable(batch: Batch, refs: Int32s) -> tuple[int, bytes]:
    """The kind and payload that stand for a batch in the log."""
    left_out = np.flatnonzero(np.isin(refs, PASSING_REASONS)).astype("<i4")
    if not len(left_out):
        return batch.kind, batch.payload
    head = _LEFT_OUT.pack(batch.kind, len(left_out))
    return KIND_SERIES_LEFT_OUT, head + left_out.tobytes() + batch.payload


def split_left_out(payload: bytes) -> tuple[int, bytes, Int64s]:
    """Kind, payload and the positions left out of a record of KIND_SERIES_LEFT_OUT.

    Raises ValueError if it is damaged.
    """
    if len(payload) < _LEFT_OUT.size:
        raise ValueError(f"a record of {len(payload)} bytes; at least {_LEFT_OUT.size} are needed")
    kind, count = _LEFT_OUT.unpack_from(payload)
    end = _LEFT_OUT.size + 4 * count
    if len(payload) < end:
        raise ValueError(f"{count} positions in a record of {len(payload)} bytes")
    positions = np.frombuffer(payload, "<i4", count, _LEFT_OUT.size).astype(np.int64)
    return kind, payload[end:], positions if count else NO_SERIES
