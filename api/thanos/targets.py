"""Targets, of which a server that scrapes nothing has none.

TargetsResponse   targets=1 TargetDiscovery {active=1, dropped=2}
"""

from collections.abc import Iterator

from api.endpoints.handler import Call, Job, Slot
from api.thanos.fields import message


def targets(call: Call) -> Job:
    """One message with none."""

    def run(turn: Slot) -> Iterator[bytes]:
        yield message(1, b"")

    return Job(run)
