"""A gateway that keeps a ledger of every sample that was acknowledged.

Invariant: the ledger holds the samples of exactly those requests that Cupola answered with 2xx.
"""

from __future__ import annotations

from collections import defaultdict

from compose.gateway import Gateway
from tests.makers.bodies.v1 import Labels, decode

# tenant -> labels -> timestamp ms -> bits of the value
Ledger = dict[str, dict[Labels, dict[int, int]]]


class RecordingGateway(Gateway):
    """refused: the answers that were neither 2xx nor 5xx; an agent gives such samples up."""

    def __init__(self, port: int, target: str) -> None:
        super().__init__(port, target)
        self.ledger: Ledger = defaultdict(lambda: defaultdict(dict))
        self.refused: list[str] = []

    def answered(self, tenant: str, body: bytes, status: int, text: str) -> None:
        if 200 <= status < 300:
            series = self.ledger[tenant]
            for labels, timestamp_ms, bits in decode(body):
                series[labels][timestamp_ms] = bits
        elif status < 500:
            self.refused.append(f"{status}: {text}")
