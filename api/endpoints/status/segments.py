"""The endpoints about segments: what there is on disk, and what will happen to it."""

from collections.abc import Iterator
from typing import Any

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.sources.store import Store
from api.times import seconds_of
from storage.compaction.status import SET_ASIDE, Next, Progress, SegmentState
from storage.segments.segment import SegmentMeta


class SegmentHandlers:
    """The endpoints over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def segments(self, call: Call) -> Job:
        """All segments by shard and time."""

        def run(turn: Slot) -> Iterator[bytes]:
            report = self._store.segment_report()
            shards: dict[int, list[dict[str, Any]]] = {}
            for state in report.states:
                shards.setdefault(state.segment.shard, []).append(segment_data(state))
            yield encode_data(
                {
                    "compacting": progress_data(report.progress),
                    "shards": [
                        {"shard": shard, "segments": segments}
                        for shard, segments in sorted(shards.items())
                    ],
                }
            )

        return Job(run)

    def blocks(self, call: Call) -> Job:
        """The segments that are read, in the form of Prometheus' blocks."""

        def run(turn: Slot) -> Iterator[bytes]:
            states = self._store.segment_report().states
            used = [state.segment for state in states if state.state != SET_ASIDE]
            used.sort(key=lambda segment: (segment.min_ms, segment.ulid))
            yield encode_data({"blocks": [block_data(segment) for segment in used]})

        return Job(run)


def block_data(segment: SegmentMeta) -> dict[str, Any]:
    """A segment as the meta.json of a block: times are milliseconds, the end is exclusive, and what
    is 0 is not there. A level is one more than a segment's, since blocks begin with 1."""
    compaction: dict[str, Any] = {"level": segment.level + 1}
    if segment.level == 0:  # of others the catalog does not know the sources
        compaction["sources"] = [segment.ulid]
    stats = {
        "numSamples": segment.samples,
        "numFloatSamples": segment.samples - segment.histograms,
        "numHistogramSamples": segment.histograms,
        "numSeries": segment.series,
    }
    return {
        "ulid": segment.ulid,
        "minTime": segment.min_ms,
        "maxTime": segment.max_ms + 1,
        "stats": {name: count for name, count in stats.items() if count},
        "compaction": compaction,
        "version": 1,
    }


def progress_data(progress: Progress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    return {
        "shard": progress.shard,
        "kind": progress.job.kind,
        "level": progress.job.level,
        "resolution": seconds_of(progress.job.resolution_ms),
        "segments": [s.ulid for s in (*progress.job.inputs, *progress.job.sources)],
        "samples": progress.job.samples,
        "samplesDone": progress.samples_done,
    }


def segment_data(state: SegmentState) -> dict[str, Any]:
    """A segment as JSON values; times and durations are seconds."""
    segment = state.segment
    return {
        "ulid": segment.ulid,
        "level": segment.level,
        "resolution": seconds_of(segment.resolution_ms),
        "minTime": seconds_of(segment.min_ms),
        "maxTime": seconds_of(segment.max_ms),
        "coversFrom": None if segment.is_raw else seconds_of(segment.from_ms),
        "coversTo": None if segment.is_raw else seconds_of(segment.to_ms),
        "lateSince": seconds_of(segment.late_ms) if segment.late_ms else None,
        "samples": segment.samples,
        "histograms": segment.histograms,
        "exemplars": segment.exemplars,
        "series": segment.series,
        "bytes": segment.bytes,
        "created": seconds_of(segment.created_ms),
        "rank": segment.rank,
        "place": "bucket" if state.is_remote else "disk",
        "state": state.state,
        "reason": state.reason or None,
        "since": seconds_of(state.since_ms) if state.since_ms else None,
        "next": next_data(state.next),
    }


def next_data(coming: Next | None) -> dict[str, Any] | None:
    if coming is None:
        return None
    window = coming.window
    return {
        "action": coming.action,
        "due": None if coming.due_ms is None else seconds_of(coming.due_ms),
        "level": None if window is None else coming.level,
        "windowStart": None if window is None else seconds_of(window[0]),
        "windowEnd": None if window is None else seconds_of(window[1] + 1),
    }
