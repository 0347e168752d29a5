"""The planner: which segments of a shard are to become which, as a pure function of what there is.

A window is compacted once it is closed: its end is so long ago that hardly anything of it can
still be in memory. The first time at each level all its segments become one, whatever their sizes:
each sample is written three times, for two hours, a day and eight days. What comes later, small
segments beside one of the window's level, is merged only if the largest of what is merged has at
most LATE_SHARE times the samples of the rest. So whenever a sample of the largest is written again,
its segment grows by a quarter or more, and that of any other sample doubles: within a window, a
sample is written at most log(growth of its segment) / log(1.25) times. What stays apart shrinks by
LATE_SHARE from one to the next, so a window keeps few segments.

Large windows leave the retention late, so levels are used only while a window is an eighth of it at
most.

What is merged takes the lowest rank of its inputs. No other segment may lie in between: one that
gives way to the first of them, comes before another, and has times of that one.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from storage.options import MINUTE_MS
from storage.segments.segment import SegmentMeta, by_rank
from storage.segments.windows import LEVELS_MS, Span, level_of, window_of

LATE_SHARE = 4
# Of the retention, a window is at most one of so many parts.
RETENTION_SHARE = 8
# Into more windows no segment is split.
WINDOWS_MAX = 64
SLACK_MS = 10 * MINUTE_MS

SALVAGE, SPLIT, MERGE = "salvage", "split", "merge"


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What a job may have. slack_ms: how long after its end a window is closed. levels: as many are
    used; windows of higher ones hold only what is sealed late and fits no smaller window.

    A segment that alone is beyond the limits is only salvaged.
    """

    samples: int = 1_000_000_000
    exemplars: int = 2_000_000
    inputs: int = 128
    slack_ms: int = SLACK_MS
    levels: int = len(LEVELS_MS)


JOB_LIMITS = JobLimits()


@dataclass(frozen=True, slots=True)
class Job:
    """Segments, by rank, that become one in each window; windows ascend.

    kind: SALVAGE of what is readable in damaged ones, SPLIT or MERGE, or one of downsampling;
    level: of the outputs. resolution_ms: of the outputs. sources: segments that the output is made
    of, and that stay.
    """

    kind: str
    inputs: tuple[SegmentMeta, ...]
    windows: tuple[Span, ...]
    level: int
    resolution_ms: int = 0
    sources: tuple[SegmentMeta, ...] = ()

    @property
    def ulids(self) -> frozenset[str]:
        """Those of what is replaced."""
        return frozenset(segment.ulid for segment in self.inputs)

    @property
    def key(self) -> frozenset[str]:
        """By which the same job is known again."""
        reads = {segment.ulid for segment in (*self.inputs, *self.sources)}
        return frozenset({*reads, f"{self.resolution_ms} {self.windows[0]}"})

    @property
    def samples(self) -> int:
        return sum(segment.samples for segment in (*self.inputs, *self.sources))


def plan(
    segments: Sequence[SegmentMeta],
    now_ms: int,
    limits: JobLimits = JOB_LIMITS,
    damaged: Collection[str] = (),
) -> list[Job]:
    """The jobs of a shard in the order in which they are due; no segment is in two of them.

    damaged: ULIDs of segments that are known not to be whole.
    """
    jobs = [salvage(segment) for segment in segments if segment.ulid in damaged]
    taken = {ulid for job in jobs for ulid in job.ulids}
    for resolution in sorted({segment.resolution_ms for segment in segments}):
        alike = [s for s in segments if s.resolution_ms == resolution]
        for job in (*splits(alike, now_ms, limits), *merges(alike, now_ms, limits)):
            if taken.isdisjoint(job.ulids):
                jobs.append(job)
                taken |= job.ulids
    order = [SALVAGE, SPLIT, MERGE]
    return sorted(jobs, key=lambda job: (order.index(job.kind), job.level, job.windows[0]))


def levels_for(retention_ms: int) -> int:
    """How many levels are used: the first in any case. 0 keeps everything for ever."""
    if retention_ms == 0:
        return len(LEVELS_MS)
    return max(1, sum(RETENTION_SHARE * width <= retention_ms for width in LEVELS_MS))


def salvage(segment: SegmentMeta) -> Job:
    return Job(SALVAGE, (segment,), ((segment.min_ms, segment.max_ms),), segment.level)


def splits(segments: Sequence[SegmentMeta], now_ms: int, limits: JobLimits) -> Iterator[Job]:
    """Segments that no window holds, as older programs have sealed them, cut by the smallest
    windows that are few."""
    for segment in segments:
        span = (segment.min_ms, segment.max_ms)
        closed = segment.max_ms + limits.slack_ms <= now_ms
        if level_of(span) is None and closed and within([segment], limits):
            windows = split_windows(span)
            if windows:
                yield Job(SPLIT, (segment,), windows, segment.level)


def split_windows(span: Span) -> tuple[Span, ...]:
    """None if there were too many, even of the largest."""
    for width in LEVELS_MS:
        first, last = span[0] // width, span[1] // width
        if last - first < WINDOWS_MAX:
            return tuple((n * width, (n + 1) * width - 1) for n in range(first, last + 1))
    return ()


def merges(segments: Sequence[SegmentMeta], now_ms: int, limits: JobLimits) -> Iterator[Job]:
    """One job for each closed window that has something to merge. Windows that are closed for
    longer come first, so that what was sealed late is not merged at each level anew."""
    for level, width in reversed(list(enumerate(LEVELS_MS, 1))):
        of_windows: dict[Span, list[SegmentMeta]] = {}
        for segment in by_rank(segments):
            window = window_of((segment.min_ms, segment.max_ms), width)
            if window is not None and window[1] + limits.slack_ms < now_ms:
                of_windows.setdefault(window, []).append(segment)
        for window, members in of_windows.items():
            if len(members) < 2:
                continue
            near = [s for s in segments if s.min_ms <= window[1] and s.max_ms >= window[0]]
            chosen = choose(members, near, level, limits)
            if chosen:
                yield Job(MERGE, chosen, (window,), level)


def choose(
    members: Sequence[SegmentMeta],
    others: Sequence[SegmentMeta],
    level: int,
    limits: JobLimits,
) -> tuple[SegmentMeta, ...]:
    """Those segments of a closed window that are to be merged now; members by rank, others: all
    that share times with the window."""
    used = level <= limits.levels
    fresh = used and all(segment.level < level for segment in members)
    if fresh and len(members) > 1 and within(members, limits):
        for run in mergeable_runs(members, others, limits):
            if len(run) > 1:
                return run
        return ()
    if level > 1 and (fresh or not used):
        # Too much for one segment: smaller windows stay, what fits none of them has come late.
        width = LEVELS_MS[level - 2]
        members = [s for s in members if window_of((s.min_ms, s.max_ms), width) is None]
    by_size = sorted(members, key=lambda segment: segment.samples, reverse=True)
    for first in range(len(by_size) - 1):
        if not pays(by_size[first:]):
            continue
        for run in mergeable_runs(by_rank(by_size[first:]), others, limits):
            if len(run) > 1 and pays(run):
                return run
    return ()


def pays(segments: Sequence[SegmentMeta]) -> bool:
    """Whether the largest is not too large for the rest to be merged into it."""
    samples = [segment.samples for segment in segments]
    return max(samples) <= LATE_SHARE * (sum(samples) - max(samples))


def within(segments: Sequence[SegmentMeta], limits: JobLimits) -> bool:
    return (
        sum(segment.samples for segment in segments) <= limits.samples
        and sum(segment.exemplars for segment in segments) <= limits.exemplars
    )


def mergeable_runs(
    members: Sequence[SegmentMeta], others: Sequence[SegmentMeta], limits: JobLimits
) -> Iterator[tuple[SegmentMeta, ...]]:
    """The members, by rank, in runs that may be merged: no other segment lies in between, and none
    is beyond the limits."""
    run: list[SegmentMeta] = []
    for member in members:
        longer = [*run, member]
        full = len(longer) > limits.inputs or not within(longer, limits)
        if run and (full or comes_between(run, member, others)):
            yield tuple(run)
            longer = [member]
        run = longer
    if run:
        yield tuple(run)


def comes_between(
    run: Sequence[SegmentMeta], member: SegmentMeta, others: Sequence[SegmentMeta]
) -> bool:
    """Whether some segment counts less than the run, more than the member, and has times of it."""
    inside = {segment.ulid for segment in run} | {member.ulid}
    return any(
        run[0].rank <= other.rank < member.rank
        and other.min_ms <= member.max_ms
        and other.max_ms >= member.min_ms
        and other.ulid not in inside
        and other.resolution_ms == member.resolution_ms
        for other in others
    )
