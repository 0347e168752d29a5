"""What segments there are, and what will happen to each of them next."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from storage.catalog.catalog import SetAside
from storage.compaction.planner import MERGE, Job, JobLimits
from storage.segments.segment import SegmentMeta
from storage.segments.windows import LEVELS_MS, Span, window_of

IN_USE, COMPACTING, DAMAGED, SET_ASIDE = "in_use", "compacting", "damaged", "set_aside"
EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Next:
    """What will happen to a segment. action: the kind of a job, or EXPIRE.

    level, window: of what it becomes. due_ms: not before then; None: once enough has come late.
    """

    action: str
    due_ms: int | None
    level: int = 0
    window: Span | None = None


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment as it is now. reason: why it was set aside, and since when; is_remote: whether its
    samples are in a bucket only."""

    segment: SegmentMeta
    state: str
    next: Next | None = None
    reason: str = ""
    since_ms: int = 0
    is_remote: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """A job under way, and how many samples of it are written."""

    shard: int
    job: Job
    samples_done: int


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The segments of all shards, and the job that is being done."""

    states: list[SegmentState]
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """By what the future of segments is foretold. limits: None where compaction is off; damaged:
    ULIDs of segments with damage; retentions_ms: by resolution, of those that were downsampled;
    remote: of those whose samples are in a bucket only."""

    now_ms: int
    retention_ms: int
    limits: JobLimits | None
    damaged: Collection[str] = ()
    retentions_ms: Mapping[int, int] = field(default_factory=dict)
    remote: Collection[str] = ()

    def of(self, segment: SegmentMeta, others: Sequence[SegmentMeta]) -> Next | None:
        """What comes next for a segment that no job is planned for; None: it stays for ever."""
        if self.limits is not None and segment.is_raw:
            for level, window in windows_above(segment, self.limits.levels):
                due_ms = window[1] + 1 + self.limits.slack_ms
                if due_ms > self.now_ms:
                    return Next(MERGE, due_ms, level, window)
                alike = (other for other in others if other != segment and other.is_raw)
                if any(is_within(other, window) for other in alike):
                    return Next(MERGE, None, level, window)
        retention_ms = self.retention_ms
        if not segment.is_raw:
            retention_ms = self.retentions_ms.get(segment.resolution_ms, 0)
        return Next(EXPIRE, segment.max_ms + retention_ms) if retention_ms else None


def windows_above(segment: SegmentMeta, levels: int) -> Iterator[tuple[int, Span]]:
    """The levels from the segment's own on, and the window that holds it at each of them."""
    for level, width in enumerate(LEVELS_MS[:levels], 1):
        window = window_of((segment.min_ms, segment.max_ms), width)
        if level >= segment.level and window is not None:
            yield level, window


def is_within(segment: SegmentMeta, window: Span) -> bool:
    return window[0] <= segment.min_ms and segment.max_ms <= window[1]


def segment_states(
    segments: Sequence[SegmentMeta],
    aside: Iterable[SetAside],
    jobs: Iterable[tuple[Job, int]],
    outlook: Outlook,
    running: Job | None = None,
) -> list[SegmentState]:
    """The segments of a shard by time. jobs: what is planned, each with the time before which it is
    not tried; running: what is being done."""
    planned = {ulid: (job, due_ms) for job, due_ms in jobs for ulid in job.ulids}
    found = [
        SegmentState(entry.segment, SET_ASIDE, None, entry.reason, entry.since_ms)
        for entry in aside
    ]
    for segment in segments:
        job, put_off_ms = planned.get(segment.ulid, (None, 0))
        state = DAMAGED if segment.ulid in outlook.damaged else IN_USE
        if job is None:
            found.append(SegmentState(segment, state, outlook.of(segment, segments)))
            continue
        due_ms = max(put_off_ms, outlook.now_ms)
        coming = Next(job.kind, due_ms, job.level, (job.windows[0][0], job.windows[-1][1]))
        if running is not None and segment.ulid in running.ulids:
            state = COMPACTING
        found.append(SegmentState(segment, state, coming))
    placed = (replace(entry, is_remote=entry.segment.ulid in outlook.remote) for entry in found)
    return sorted(placed, key=lambda entry: (entry.segment.min_ms, entry.segment.rank))
