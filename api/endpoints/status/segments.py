"""The endpoint about segments: what there is on disk, and what will happen to it."""

from collections.abc import Iterator
from typing import Any

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.sources.store import Store
from api.times import seconds_of
from storage.compaction.status import Next, Progress, SegmentState


class SegmentHandlers:
    """The endpoint over one store."""

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


def progress_data(progress: Progress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    return {
        "shard": progress.shard,
        "kind": progress.job.kind,
        "level": progress.job.level,
        "segments": [segment.ulid for segment in progress.job.inputs],
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
        "samples": segment.samples,
        "histograms": segment.histograms,
        "exemplars": segment.exemplars,
        "series": segment.series,
        "bytes": segment.bytes,
        "created": seconds_of(segment.created_ms),
        "rank": segment.rank,
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
