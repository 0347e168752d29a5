"""The limits that a write meets before storage: size, requests and samples a second, by tenant.

It stands between the write handler and the database, as a database itself. What depends on series
is storage's (storage/tenants/rules.py).
"""

from collections.abc import Callable

from receiver.errors import RateLimited, TooLarge, WriteError
from receiver.limits.limits import TenantLimits
from receiver.limits.rates import Rates
from receiver.write.handler import WriteDatabase
from storage.batch import Batch, Outcome
from storage.tenants.ingestion import IngestionRates


class WriteGate:
    """Admits requests and batches. limits_of: the limits of a tenant, at any time.

    ingestion: the rates of what was admitted and written.
    """

    def __init__(
        self,
        database: WriteDatabase,
        limits_of: Callable[[str], TenantLimits],
        *,
        rate_limit_status: int = 429,
    ) -> None:
        self._database = database
        self.limits_of = limits_of
        self._status = rate_limit_status
        self._requests = Rates()
        self._samples = Rates()
        self.ingestion = IngestionRates()

    def admit(self, tenant: str, body_bytes: int | None) -> None:
        """Count a request whose body was not read yet; body_bytes: its size if it is known.

        Raises RateLimited or TooLarge.
        """
        limits = self.limits_of(tenant)
        check_size(body_bytes or 0, limits)
        rate, burst = limits.request_rate, limits.request_burst
        wait_s = self._requests.take(tenant, 1, rate=rate, burst=burst)
        if wait_s:
            raise self._too_fast(
                f"more than {rate:g} write requests a second (request_rate in limits.file, "
                f"request_burst_size={burst:g})",
                wait_s,
            )

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Database.append. Raises RateLimited or TooLarge too."""
        try:
            self._check(tenant, batch)
        except WriteError:
            batch.release()
            raise
        count = batch.sample_count
        outcome = await self._database.append(tenant, batch, arrival_ms)
        self.ingestion.note(tenant, count)
        return outcome

    def _check(self, tenant: str, batch: Batch) -> None:
        limits = self.limits_of(tenant)
        check_size(len(batch.payload), limits)
        rate, burst = limits.ingestion_rate, limits.sample_burst
        count = batch.sample_count + (0 if batch.exemplars is None else len(batch.exemplars))
        wait_s = self._samples.take(tenant, count, rate=rate, burst=burst)
        if wait_s:
            raise self._too_fast(
                f"{count} samples, and more than {rate:g} a second with them (ingestion_rate in "
                f"limits.file, ingestion_burst_size={burst:g})",
                wait_s,
            )

    def _too_fast(self, text: str, wait_s: float) -> RateLimited:
        return RateLimited(text, status=self._status, retry_after_s=wait_s)


def check_size(size: int, limits: TenantLimits) -> None:
    allowed = limits.max_recv_msg_size
    if allowed and size > allowed:
        raise TooLarge(
            f"body of {size} bytes; the tenant's are at most {allowed} (max_recv_msg_size in "
            "limits.file)"
        )
