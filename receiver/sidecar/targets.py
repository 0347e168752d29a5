"""What the Prometheus behind a sidecar scrapes, with its external labels, for queriers of Thanos.

TargetsRequest   state=1 (0: any, 1: active, 2: dropped)
TargetDiscovery  activeTargets=1, droppedTargets=2 {discoveredLabels=1}
ActiveTarget     discoveredLabels=1, labels=2, scrapePool=3, scrapeUrl=4, globalUrl=5,
                 lastError=6, lastScrape=7, lastScrapeDuration=8, health=9
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.endpoints.handler import Call, Job, Slot
from api.thanos.errors import Incomplete
from api.thanos.fields import label_set, message, number, real, text, timestamp
from api.thanos.requests import ABORT, Fields
from receiver.sidecar.beside import Beside
from receiver.sidecar.prometheus import PrometheusError
from receiver.sidecar.rules import moment_s

TARGETS, WARNING = 1, 2
STATES = ("any", "active", "dropped")
HEALTHS = {"down": 0, "up": 1}
UNKNOWN = 2
NS_OF_S = 1_000_000_000
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PrometheusTargets:
    """The method over one Prometheus."""

    beside: Beside

    def targets(self, call: Call) -> Job:
        """Raises BadData."""
        request = Fields(call.body)
        state = STATES[min(max(0, request.number(1)), len(STATES) - 1)]
        is_strict = request.number(2) == ABORT

        def run(turn: Slot) -> Iterator[bytes]:
            labels = self.beside.known.labels
            try:
                found = self.beside.prometheus.data("targets", state=state)
                yield message(TARGETS, content_of(found, labels))
            except (PrometheusError, KeyError, TypeError, ValueError, AttributeError) as error:
                if is_strict:
                    raise Incomplete(str(error)) from error
                yield text(WARNING, str(error))

        return Job(run)


def content_of(found: Mapping[str, Any], labels: Labels) -> bytes:
    active = (active_target(each, labels) for each in found.get("activeTargets") or ())
    dropped = (
        label_set(1, {**each["discoveredLabels"], **labels})
        for each in found.get("droppedTargets") or ()
    )
    return b"".join([*(message(1, own) for own in active), *(message(2, own) for own in dropped)])


def active_target(found: Mapping[str, Any], labels: Labels) -> bytes:
    moment = moment_s(found.get("lastScrape"))
    return b"".join(
        [
            label_set(1, {**found["discoveredLabels"], **labels}),
            label_set(2, {**found["labels"], **labels}),
            text(3, str(found.get("scrapePool", ""))),
            text(4, str(found.get("scrapeUrl", ""))),
            text(5, str(found.get("globalUrl", ""))),
            text(6, str(found.get("lastError", ""))),
            timestamp(7, round(moment * NS_OF_S)) if moment is not None else b"",
            real(8, float(found.get("lastScrapeDuration", 0))),
            number(9, HEALTHS.get(str(found.get("health")), UNKNOWN)),
        ]
    )
