"""The endpoint that names tenants: those that whoever asks may read, and no others."""

from collections.abc import Callable, Iterator

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.sources.store import Store


class TenantHandlers:
    """The endpoint over one store. may_read: whether the caller of the request at hand may read a
    tenant."""

    def __init__(self, store: Store, may_read: Callable[[str], bool]) -> None:
        self._store = store
        self._may_read = may_read

    def tenants(self, call: Call) -> Job:
        """All tenants that have ever written, by name."""
        names = [name for name in sorted(self._store.tenant_names()) if self._may_read(name)]

        def run(turn: Slot) -> Iterator[bytes]:
            yield encode_data({"tenants": names})

        return Job(run)
