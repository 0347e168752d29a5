"""The endpoint about HA replicas: what each of them does, and what dedup makes of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.params import report_params
from api.sources.queriers import QuerierSource
from api.times import seconds_of
from storage.read.replicas.report import ReplicaGroup, ReplicaState


class ReplicaHandlers:
    """The endpoint over one store. now_ms: the clock, for requests that state no time."""

    def __init__(self, source: QuerierSource, *, now_ms: Callable[[], int]) -> None:
        self._source = source
        self._now_ms = now_ms

    def report(self, call: Call) -> Job:
        """The groups of replicas of each tenant. Replicas are always made one here: dedup=false
        says the same as dedup=true."""
        params = report_params(call.params, now_ms=self._now_ms())
        wishes = replace(params.replicas, dedup=True)

        def run(turn: Slot) -> Iterator[bytes]:
            stopped = stopper(turn)
            groups = [
                group_data(tenant, group)
                for tenant, querier in self._source.by_tenant(call.tenants, wishes)
                for group in querier.replica_report(
                    *params.selection,
                    cluster_labels=self._source.replicas.cluster_labels,
                    stopped=stopped,
                )
            ]
            yield encode_data({"groups": groups})

        return Job(run)


def stopper(turn: Slot) -> Callable[[], bool]:
    """Whether the turn's time is over or no one waits for the answer."""
    deadline = time.monotonic() + turn.timeout_ms / 1000
    return lambda: turn.cancelled() or time.monotonic() > deadline


def group_data(tenant: str, group: ReplicaGroup) -> dict[str, Any]:
    """A group as JSON values; times and durations are seconds."""
    return {
        "tenant": tenant,
        "labels": group.labels,
        "series": group.series,
        "incompleteSeries": group.incomplete,
        "seriesEndedApart": group.ended_apart,
        "switches": group.switches,
        "holes": group.holes,
        "replicas": [replica_data(replica) for replica in group.replicas],
    }


def replica_data(replica: ReplicaState) -> dict[str, Any]:
    return {
        "labels": replica.labels,
        "silent": replica.silent,
        "lastSample": seconds_of(replica.last_ms),
        "scrapeInterval": seconds_of(replica.interval_ms),
        "offset": seconds_of(replica.offset_ms),
        "samples": replica.samples,
        "missedScrapes": replica.missed,
        "share": replica.share,
    }
