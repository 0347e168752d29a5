"""The ways of dedup that tenants have by default, as `dedup.tenant-algorithms` states them."""

from collections.abc import Sequence

from receiver.settings.config import ConfigError
from receiver.settings.options import DedupOptions
from storage.dedup.algorithm import Algorithm, PairRule, PairsSource, parse_algorithm
from storage.errors import TenantError
from storage.tenants.tenant import parse_tenant


def tenant_algorithms(texts: Sequence[str]) -> dict[str, Algorithm]:
    """One TENANT=ALGORITHM for each tenant that has a default of its own. Raises ConfigError."""
    tenants: dict[str, Algorithm] = {}
    for text in texts:
        tenant, sign, name = text.partition("=")
        try:
            if not sign or parse_tenant(tenant) in tenants:
                raise ValueError("one TENANT=ALGORITHM for a tenant is expected")
            tenants[tenant] = parse_algorithm(name)
        except (ValueError, TenantError) as error:
            raise ConfigError(f"dedup.tenant-algorithms: got {text!r}; {error}") from error
    return tenants


def pairs_of(options: DedupOptions) -> PairsSource:
    """How the pairs of each tenant become one where no query says it. Raises ConfigError."""
    default, own = parse_algorithm(options.algorithm), tenant_algorithms(options.tenant_algorithms)
    return lambda tenant: PairRule(options.replica_labels, own.get(tenant, default))
