"""Which windows of a shard are to be downsampled, as a pure function of the segments there are.

    downsample  a window of a day that is old enough, and that no segment of the resolution covers:
                out of samples for 5 minutes, out of 5 minutes for an hour; of several days if
                nothing of them is covered yet, as after an import
    renew       a window for which samples have come late; what it had is kept where it has more, if
                some of what it was made of may be past its retention
    salvage     one whose segment is damaged: what is readable of it, and what it was made of
    widen       the segments of a larger window become one, once all of it is old enough

Windows are left-open and aligned to 1970, as those that they are made of. What is covered is known
by day, since all widths are days.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from storage.compaction.planner import RETENTION_SHARE, SALVAGE, Job
from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTION_5M_MS, finer_than
from storage.options import DAY_MS, HOUR_MS, StorageOptions
from storage.segments.segment import SegmentMeta
from storage.segments.windows import Span

DOWNSAMPLE, RENEW, WIDEN = "downsample", "renew", "widen"
KINDS = (SALVAGE, DOWNSAMPLE, RENEW, WIDEN)
# By level; as of samples, level 2 is a day and level 3 eight days.
WIDTHS_MS = {2: DAY_MS, 3: 8 * DAY_MS, 4: 32 * DAY_MS}
# After the first late samples of a window, others may come.
LATE_MS = 6 * HOUR_MS
# A segment that reaches over more days is passed over: its times are wrong, or mean nothing.
DAYS_MAX = 1 << 15


@dataclass(frozen=True, slots=True)
class Resolution:
    """after_ms: how old what is downsampled is; retention_ms: how long it is kept, 0 for ever."""

    ms: int
    after_ms: int
    retention_ms: int

    @property
    def widths(self) -> dict[int, int]:
        """The widths by level that do not leave the retention late."""
        return {
            level: width
            for level, width in WIDTHS_MS.items()
            if level == 2 or not self.retention_ms or RETENTION_SHARE * width <= self.retention_ms
        }


def resolutions_of(options: StorageOptions) -> tuple[Resolution, ...]:
    """From fine to coarse; none if downsampling is off, or all that is done to segments."""
    if not options.downsampling_enabled or not options.compaction_enabled:
        return ()
    return (
        Resolution(RESOLUTION_5M_MS, options.downsampling_5m_after_ms, options.retention_5m_ms),
        Resolution(RESOLUTION_1H_MS, options.downsampling_1h_after_ms, options.retention_1h_ms),
    )


def unreached(options: StorageOptions) -> Iterator[str]:
    """What is said of settings by which samples are gone before they are downsampled."""
    pairs = (
        ("storage.retention", options.retention_ms,
         "storage.downsampling.5m-after", options.downsampling_5m_after_ms),
        ("storage.retention-5m", options.retention_5m_ms,
         "storage.downsampling.1h-after", options.downsampling_1h_after_ms),
    )  # fmt: skip
    for kept, kept_ms, after, after_ms in pairs:
        if options.downsampling_enabled and 0 < kept_ms < after_ms + DAY_MS:
            yield (
                f"{kept} is {kept_ms} ms, and {after} {after_ms} ms: days are gone before they are "
                f"downsampled, which needs {kept} to be {after_ms + DAY_MS} ms or more, or 0; or "
                "set storage.downsampling.enabled to false"
            )


def plan_windows(
    segments: Sequence[SegmentMeta],
    now_ms: int,
    resolutions: Iterable[Resolution],
    damaged: Collection[str] = (),
    samples_max: int = 1 << 40,
) -> list[Job]:
    """The jobs of a shard in the order in which they are due. segments: all of them; samples_max:
    those that a job for more than a day may read."""
    jobs: list[Job] = []
    undone: set[int] = set()  # days without the finer resolution that they ought to have
    for resolution in resolutions:
        finer_ms = finer_than(resolution.ms)
        finer = [s for s in segments if s.resolution_ms == finer_ms]
        own = [s for s in segments if s.resolution_ms == resolution.ms]
        table = Table(resolution, now_ms, finer, own, samples_max)
        fresh = list(table.fresh(undone))
        jobs += table.salvages(damaged)
        jobs += table.renewals(damaged)
        jobs += fresh
        jobs += table.widenings(damaged)
        undone = {day for job in fresh for day in days_of(job.windows[0])}
    return sorted(jobs, key=lambda job: (KINDS.index(job.kind), job.resolution_ms, job.windows[0]))


@dataclass(frozen=True, slots=True)
class Table:
    """The segments of one resolution, `own`, and those that they are made of."""

    resolution: Resolution
    now_ms: int
    finer: Sequence[SegmentMeta]
    own: Sequence[SegmentMeta]
    samples_max: int

    def fresh(self, undone: Collection[int]) -> Iterator[Job]:
        """Windows that are not covered yet, the widest first. undone: days that have to wait."""
        taken = {day for segment in self.own for day in days_of(segment.times)}
        touched = {day for segment in self.finer for day in days_of(segment.times)}
        for level, width in sorted(self.resolution.widths.items(), reverse=True):
            for number in sorted({day * DAY_MS // width for day in touched - taken}):
                window = number * width + 1, (number + 1) * width
                days = set(days_of(window))
                sources = self._made_of(window)
                fits = level == 2 or sum(s.samples for s in sources) <= self.samples_max
                if fits and self._is_due(window) and days.isdisjoint(taken | set(undone)):
                    taken |= days
                    yield self._job(DOWNSAMPLE, window, level, sources=sources)

    def renewals(self, damaged: Collection[str]) -> Iterator[Job]:
        for segment in self.own:
            sources = self._made_of(segment.times)
            ripe = segment.late_ms and segment.late_ms + LATE_MS <= self.now_ms
            if ripe and sources and segment.ulid not in damaged:
                yield self._job(RENEW, segment.times, segment.level, (segment,), sources)

    def salvages(self, damaged: Collection[str]) -> Iterator[Job]:
        for segment in self.own:
            if segment.ulid in damaged:
                sources = self._made_of(segment.times)
                yield self._job(SALVAGE, segment.times, segment.level, (segment,), sources)

    def widenings(self, damaged: Collection[str]) -> Iterator[Job]:
        """Larger windows of which nothing is to be made or to be made anew, the widest first."""
        covered = {day for segment in self.own for day in days_of(segment.times)}
        touched = {day for segment in self.finer for day in days_of(segment.times)}
        taken: set[str] = set()
        for level, width in sorted(self.resolution.widths.items(), reverse=True):
            parts: dict[int, list[SegmentMeta]] = {}
            for segment in self.own:
                if segment.level < level and segment.ulid not in taken:
                    parts.setdefault(segment.from_ms // width, []).append(segment)
            for number, members in sorted(parts.items()):
                window = number * width + 1, (number + 1) * width
                whole = all(s.to_ms <= window[1] and not s.late_ms for s in members)
                settled = (set(days_of(window)) & touched) <= covered
                sound = not any(s.ulid in damaged for s in members)
                if len(members) > 1 and whole and settled and sound and self._is_due(window):
                    taken |= {segment.ulid for segment in members}
                    yield self._job(WIDEN, window, level, tuple(members))

    def _is_due(self, window: Span) -> bool:
        """Whether all of a window is old enough, and something of it is still to be kept."""
        kept = not self.resolution.retention_ms or (
            window[1] >= self.now_ms - self.resolution.retention_ms
        )
        return kept and window[1] + self.resolution.after_ms <= self.now_ms

    def _made_of(self, window: Span) -> tuple[SegmentMeta, ...]:
        return tuple(s for s in self.finer if s.times[0] <= window[1] and s.times[1] >= window[0])

    def _job(
        self,
        kind: str,
        window: Span,
        level: int,
        inputs: tuple[SegmentMeta, ...] = (),
        sources: tuple[SegmentMeta, ...] = (),
    ) -> Job:
        return Job(kind, inputs, (window,), level, self.resolution.ms, sources)


def days_of(span: Span) -> range:
    """The numbers of the days that have moments of a span; none of a span that makes no sense."""
    first, last = (span[0] - 1) // DAY_MS, (span[1] - 1) // DAY_MS
    return range(first, last + 1) if last - first < DAYS_MAX else range(0)
