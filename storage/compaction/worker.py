"""The thread that keeps the segments of all shards few and whole.

One job at a time, of one shard after the other. A job that fails is put off, for longer each time,
and the others go on; nothing that happens to one segment ends the thread.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from storage.compaction.compactor import Compactor, Tools
from storage.compaction.downsampling.making import Downsampler
from storage.compaction.downsampling.planner import plan_windows, resolutions_of, unreached
from storage.compaction.pace import Pace, Stopped
from storage.compaction.planner import Job, JobLimits, levels_for, plan
from storage.compaction.scrub import due_segments
from storage.compaction.status import Outlook, Progress, SegmentState, segment_states
from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTION_5M_MS
from storage.errors import StorageError
from storage.options import DAY_MS, MINUTE_MS, StorageOptions
from storage.segments.examination import examine
from storage.segments.segment import SegmentMeta
from storage.shard.shard import Shard, now_ms

logger = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
FIRST_DELAY_MS = MINUTE_MS
DELAY_MAX_MS = DAY_MS
# Jobs that failed and are remembered; above it the oldest are forgotten, and tried again at once.
FAILURES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed: how often, and until when it is put off."""

    tries: int
    until_ms: int


class CompactionWorker:
    """Plans, does and puts off jobs, and scrubs between them."""

    def __init__(
        self, options: StorageOptions, tools: Tools, shards: Callable[[], Sequence[Shard]]
    ) -> None:
        """shards: those that are open, at any time."""
        self._enabled = options.compaction_enabled
        self._retention_ms = options.retention_ms
        self._scrub_interval_ms = options.scrub_interval_ms
        self.limits = job_limits(options)
        self._tools = tools
        self._shards = shards
        self._closing = threading.Event()
        pace = Pace(
            self._closing,
            bytes_per_second=options.compaction_bytes_per_second,
            share=options.compaction_share,
        )
        self._pace = pace
        self.compactor = Compactor(tools, pace)
        self.downsampler = Downsampler(self.compactor, tools)
        self._resolutions = resolutions_of(options)
        self._retentions = {
            RESOLUTION_5M_MS: options.retention_5m_ms,
            RESOLUTION_1H_MS: options.retention_1h_ms,
        }
        for warning in unreached(options):
            logger.warning("%s", warning)
        self._failures: dict[frozenset[str], Failure] = {}
        self._scrubbed_ms = now_ms()
        self._thread = threading.Thread(target=self._run, name="compaction", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give up what is being done, and wait for that."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def plan(self, shard: Shard, at_ms: int) -> list[Job]:
        """What is due in a shard, jobs that are put off included."""
        segments = shard.view().segments
        damaged = self._tools.damages.segments()
        jobs = plan(segments, at_ms, self.limits, damaged) if self._enabled else []
        every = shard.view().every_segment
        return jobs + plan_windows(every, at_ms, self._resolutions, damaged, self.limits.samples)

    def round(self, at_ms: int) -> int:
        """One job of each shard that has one, and the scrub; returns how many jobs were done."""
        done = 0
        if not self._tools.catalog.takes_changes:  # what is done could not be registered
            return done
        for shard in self._shards():
            jobs = self.plan(shard, at_ms)
            self._update_gauges(shard, jobs, at_ms)
            self._keep_aside(shard, at_ms)
            ready = [job for job in jobs if self.put_off_ms(job) <= at_ms]
            if ready:
                done += self._try(shard, ready[0], at_ms)
        self._scrub(at_ms)
        return done

    def put_off_ms(self, job: Job) -> int:
        """Until when a job is put off; 0 if it is not."""
        failure = self._failures.get(job.key)
        return 0 if failure is None else failure.until_ms

    def states(self, shard: Shard, at_ms: int) -> list[SegmentState]:
        """The segments of a shard, and what will happen to them."""
        current = self.compactor.current
        running = current[1] if current is not None and current[0] == shard.number else None
        limits = self.limits if self._enabled else None
        remote = shard.files.samples.remote(shard.view().segments)
        return segment_states(
            shard.view().every_segment,
            self._tools.catalog.set_aside_segments(shard.number),
            [(job, self.put_off_ms(job)) for job in self.plan(shard, at_ms)],
            Outlook(
                at_ms,
                self._retention_ms,
                limits,
                self._tools.damages.segments(),
                self._retentions,
                remote=remote,
            ),
            running,
        )

    def progress(self) -> Progress | None:
        """The job that is being done."""
        current = self.compactor.current
        return current and Progress(*current, self.compactor.samples_done)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                done = self.round(now_ms())
            except Stopped:
                return
            except Exception:
                logger.exception("a round of compaction failed")
                done = 0
            if not done:
                self._closing.wait(ROUND_SECONDS)

    def _try(self, shard: Shard, job: Job, at_ms: int) -> bool:
        """Do a job, or put it off if it fails."""
        try:
            done = self.downsampler if job.resolution_ms else self.compactor
            done.run(shard, job)
        except Stopped:
            raise
        except Exception as error:  # a bug must not end the thread, either
            self._put_off(job, at_ms)
            self._tools.metrics.compaction_failures.inc()
            expected = isinstance(error, StorageError | OSError)
            logger.error(
                "compaction failed, will be tried again shard=%d kind=%s level=%d segments=%s "
                "error=%r", shard.number, job.kind, job.level, ",".join(sorted(job.ulids)),
                str(error), exc_info=None if expected else error,
            )  # fmt: skip
            return False
        self._failures.pop(job.key, None)
        return True

    def _put_off(self, job: Job, at_ms: int) -> None:
        before = self._failures.pop(job.key, None)
        tries = 0 if before is None else before.tries
        delay_ms = min(FIRST_DELAY_MS << min(tries, 20), DELAY_MAX_MS)
        self._failures[job.key] = Failure(tries + 1, at_ms + delay_ms)
        while len(self._failures) > FAILURES_MAX:
            del self._failures[next(iter(self._failures))]

    def _update_gauges(self, shard: Shard, jobs: Sequence[Job], at_ms: int) -> None:
        metrics, label = self._tools.metrics, str(shard.number)
        metrics.compaction_waiting.labels(label).set(len(jobs))
        ends = [job.windows[-1][1] for job in jobs]
        age_ms = max(0, at_ms - min(ends)) if ends else 0
        metrics.compaction_waiting_age.labels(label).set(age_ms / 1000)

    def _keep_aside(self, shard: Shard, at_ms: int) -> None:
        """Count what is set aside, and drop what is too old to be of use to anyone."""
        aside = self._tools.catalog.set_aside_segments(shard.number)
        periods = {0: self._retention_ms, **self._retentions}
        expired = [e.segment for e in aside if is_past(e.segment, periods, at_ms)]
        if expired:
            directory = self._tools.directory(shard.number)
            self._tools.catalog.drop_segments([segment.ulid for segment in expired])
            self._tools.doomed.add((directory / segment.ulid for segment in expired), at_ms)
        gauge = self._tools.metrics.set_aside.labels(str(shard.number))
        gauge.set(len(aside) - len(expired))

    def _scrub(self, at_ms: int) -> None:
        """Examine the segments whose moment came since the last time."""
        since_ms, self._scrubbed_ms = self._scrubbed_ms, at_ms
        for shard in self._shards():
            for segment in due_segments(
                shard.view().every_segment, since_ms, at_ms, self._scrub_interval_ms
            ):
                self._examine(shard, segment)

    def _examine(self, shard: Shard, segment: SegmentMeta) -> None:
        self._pace.begin()

        def spend(size: int) -> None:
            self._tools.metrics.scrubbed_bytes.inc(size)
            self._pace.spend(size)
            self._pace.rest()

        with shard.files.samples.places.held([segment]):
            wrong = examine(self._tools.directory(shard.number) / segment.ulid, spend)
        # One that was replaced meanwhile may be gone.
        if segment in shard.view().every_segment:
            for entry in wrong:
                self._tools.damages.note(entry.path, entry.groups, entry.reason)


def job_limits(options: StorageOptions) -> JobLimits:
    """A head may be half as old again as its settings say, because shards seal one after the
    other, and takes a while to be sealed."""
    slack_ms = options.head_age_ms * 3 // 2 + 10 * MINUTE_MS
    levels = levels_for(options.retention_ms)
    return JobLimits(options.compaction_samples_max, slack_ms=slack_ms, levels=levels)


def is_past(segment: SegmentMeta, periods: Mapping[int, int], at_ms: int) -> bool:
    """Whether a segment is older than what is kept of its resolution; 0: all is kept."""
    period_ms = periods.get(segment.resolution_ms, 0)
    return bool(period_ms) and segment.max_ms < at_ms - period_ms
