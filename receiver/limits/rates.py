"""Rates of tenants: a bucket of tokens for each, filled at a constant rate up to a burst.

A request takes as many tokens as it is large. One that is larger than the burst may pass when the
bucket is full, and leaves it in debt: refused for ever, it would block its sender.

Invariants:
* Over any time t no tenant takes more than burst + rate * t, but for what one request is above the
  burst.
* At most TENANTS_MAX buckets are held; the one not used for longest goes first.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

TENANTS_MAX = 20_000


class Bucket:
    """The tokens of one tenant at one moment, in seconds of the clock."""

    __slots__ = ("at_s", "tokens")

    def __init__(self, tokens: float, at_s: float) -> None:
        self.tokens = tokens
        self.at_s = at_s


class Rates:
    """The buckets of one kind of rate. For one thread."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, tenants_max: int = TENANTS_MAX
    ) -> None:
        self._tenants_max = tenants_max
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, tenant: str, count: float, *, rate: float, burst: float) -> float:
        """Take tokens, or say after how many seconds there will be enough: 0 if they were taken.

        Rate and burst may change from call to call. A rate of 0 limits nothing.
        """
        if rate <= 0:
            return 0.0
        now_s = self._clock()
        bucket = self._buckets.get(tenant)
        if bucket is None:
            bucket = self._buckets[tenant] = Bucket(burst, now_s)
            if len(self._buckets) > self._tenants_max:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(tenant)
        bucket.tokens = min(burst, bucket.tokens + rate * max(0.0, now_s - bucket.at_s))
        bucket.at_s = now_s
        needed = min(count, burst)
        if bucket.tokens < needed:
            return (needed - bucket.tokens) / rate
        bucket.tokens -= count
        return 0.0
