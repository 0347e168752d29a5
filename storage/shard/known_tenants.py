"""The tenants that a database knows, and new ones on their way into the catalog.

Several processes may share the catalog. Each adds only the tenants of its own shards, so it knows
all of these at any time; of the others it knows those that were there when it began.
"""

import threading

from storage.catalog.catalog import Catalog
from storage.errors import FormatError, LimitExceeded
from storage.options import StorageOptions
from storage.series.numbers import TENANT_BITS
from storage.tenants.placement import Share, shard_of
from storage.tenants.tenant import Tenant


class KnownTenants:
    """Tenants by name. Thread-safe."""

    def __init__(self, options: StorageOptions, catalog: Catalog, share: Share) -> None:
        self._options = options
        self._catalog = catalog
        self._share = share
        self._lock = threading.Lock()
        self._new: list[str] = []  # that wait for the lock; some may be known by then
        self.by_name: dict[str, Tenant] = {}

    def load(self) -> None:
        """Take over those of the catalog. Raises FormatError if one of them is not where its name
        puts it and processes share the shards: no other would find it."""
        found = self._catalog.tenants()
        for tenant in found if self._share.count > 1 else ():
            if tenant.shard != self.shard_of(tenant.name):
                raise FormatError(
                    f"tenant {tenant.name!r} is in shard {tenant.shard}, where several processes "
                    "would not look for it; start with processes=1"
                )
        self.by_name.update({tenant.name: tenant for tenant in found})

    def shard_of(self, name: str) -> int:
        """Where a tenant is, or will be."""
        return shard_of(name, self._catalog.shards)

    def add(self, name: str) -> Tenant:
        """The tenant, new if it is not known. Whoever gets the lock adds all that wait, because
        each commit is a sync. Raises LimitExceeded, Overloaded."""
        self._new.append(name)
        with self._lock:
            if name not in self.by_name:
                waiting, self._new = self._new, []
                unknown = (n for n in dict.fromkeys([name, *waiting]) if n not in self.by_name)
                self._add(list(unknown))
            return self.by_name[name]

    def names_of(self, shard: int) -> dict[int, str]:
        """By number, those of a shard's tenants."""
        return {t.number: t.name for t in list(self.by_name.values()) if t.shard == shard}

    def name_of(self, number: int) -> str:
        return next(t.name for t in list(self.by_name.values()) if t.number == number)

    def _add(self, names: list[str]) -> None:
        """Add as many of the tenants as there is room for; LimitExceeded if no room is left."""
        allowed = min(self._options.tenants_max, (1 << TENANT_BITS) - 1)
        known = len(self.by_name) if self._share.count == 1 else self._catalog.tenant_count()
        room = allowed - known
        if room <= 0:
            raise LimitExceeded(
                f"{known} tenants are known, at most {allowed} may be (storage.max-tenants)"
            )
        shards = {name: self.shard_of(name) for name in names[:room]}
        for name, number in self._catalog.add_tenants(shards).items():
            self.by_name[name] = Tenant(name, number, shards[name])
