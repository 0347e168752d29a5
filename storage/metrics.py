"""The metrics of storage."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

logger = logging.getLogger(__name__)


class StorageMetrics:
    """All metrics that storage moves, registered once per database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.samples = Counter(
            "cupola_ingested_samples_total", "Samples accepted, by tenant.", ["tenant"],
            registry=registry,
        )  # fmt: skip
        self.rejected = Counter(
            "cupola_rejected_samples_total",
            "Samples refused, by tenant and reason; late contradictions when they are found.",
            ["tenant", "reason"], registry=registry,
        )  # fmt: skip
        self.exemplars = Counter(
            "cupola_ingested_exemplars_total", "Exemplars accepted, by tenant.", ["tenant"],
            registry=registry,
        )  # fmt: skip
        self.rejected_exemplars = Counter(
            "cupola_rejected_exemplars_total", "Exemplars refused, by tenant and reason.",
            ["tenant", "reason"], registry=registry,
        )  # fmt: skip
        self.metadata_families = Gauge(
            "cupola_metadata_families", "Metric families with metadata, by shard.", ["shard"],
            registry=registry,
        )  # fmt: skip
        self.metadata_not_kept = Counter(
            "cupola_metadata_not_kept_total",
            "New entries of metadata for which there was no room, by tenant.", ["tenant"],
            registry=registry,
        )  # fmt: skip
        self.dropped = Counter(
            "cupola_relabel_dropped_samples_total",
            "Samples left out because metric_relabel_configs drop their series, by tenant.",
            ["tenant"], registry=registry,
        )  # fmt: skip
        self.copies = Counter(
            "cupola_ha_deduplicated_samples_total",
            "Samples left out because those of another replica are kept, by tenant.", ["tenant"],
            registry=registry,
        )  # fmt: skip
        self._watch_shards(registry)
        self._watch_compaction(registry)
        self._watch_replicas(registry)
        self.seal_seconds = Histogram(
            "cupola_seal_duration_seconds", "Time to seal a head into a segment.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120), registry=registry,
        )  # fmt: skip
        self.segments_dropped = Counter(
            "cupola_segments_dropped_total", "Segments dropped by retention.", registry=registry
        )
        self.damaged_groups = Counter(
            "cupola_segment_damage_total",
            "Row groups, or whole files, of segments that were found damaged and are passed over.",
            registry=registry,
        )
        self.log_damage = Counter(
            "cupola_wal_damage_total", "Damaged places found in log files.", registry=registry
        )

    def _watch_shards(self, registry: CollectorRegistry) -> None:
        self.series = Gauge(
            "cupola_series", "Series known, by shard.", ["shard"], registry=registry
        )
        self.head_samples = Gauge(
            "cupola_head_samples", "Samples in memory, by shard.", ["shard"], registry=registry
        )
        self.queue = Gauge(
            "cupola_write_queue_requests", "Write requests waiting, by shard.", ["shard"],
            registry=registry,
        )  # fmt: skip
        self.segments = Gauge(
            "cupola_segments", "Segments, by shard.", ["shard"], registry=registry
        )
        self.segment_cache_bytes = Gauge(
            "cupola_segment_cache_bytes",
            "Memory for what is kept of segments: rows decoded, footers, indexes of series.",
            ["kind"], registry=registry,
        )  # fmt: skip
        self.wal_bytes = Gauge(
            "cupola_wal_bytes", "Size of the log files, by shard.", ["shard"], registry=registry
        )

    def _watch_compaction(self, registry: CollectorRegistry) -> None:
        self.compactions = Counter(
            "cupola_compaction_jobs_total", "Jobs of compaction that were done, by kind and level.",
            ["kind", "level"], registry=registry,
        )  # fmt: skip
        self.compaction_failures = Counter(
            "cupola_compaction_failures_total", "Jobs of compaction that failed.", registry=registry
        )
        self.compaction_seconds = Counter(
            "cupola_compaction_seconds_total", "Time spent in jobs of compaction, rests included.",
            registry=registry,
        )  # fmt: skip
        self.compacted_samples = Counter(
            "cupola_compaction_samples_total", "Samples that compaction has read.",
            registry=registry,
        )  # fmt: skip
        self.compaction_bytes_read = Counter(
            "cupola_compaction_read_bytes_total", "Size of the segments that were compacted.",
            registry=registry,
        )  # fmt: skip
        self.compaction_bytes_written = Counter(
            "cupola_compaction_written_bytes_total", "Size of the segments that compaction made.",
            registry=registry,
        )  # fmt: skip
        self.compaction_lost = Counter(
            "cupola_compaction_lost_samples_total",
            "Samples of damaged row groups that compaction could not carry over.",
            registry=registry,
        )  # fmt: skip
        self.set_aside = Gauge(
            "cupola_segments_set_aside", "Segments that are kept but not read, by shard.",
            ["shard"], registry=registry,
        )  # fmt: skip
        self.compaction_waiting = Gauge(
            "cupola_compaction_waiting_jobs", "Jobs of compaction that are due, by shard.",
            ["shard"], registry=registry,
        )  # fmt: skip
        self.compaction_waiting_age = Gauge(
            "cupola_compaction_waiting_age_seconds",
            "Time since the end of the oldest window that is due to be compacted, by shard.",
            ["shard"], registry=registry,
        )  # fmt: skip
        self.downsampled = Counter(
            "cupola_downsampling_jobs_total",
            "Segments of aggregates that were made, by kind and seconds of a window.",
            ["kind", "resolution"], registry=registry,
        )  # fmt: skip
        self.downsampled_samples = Counter(
            "cupola_downsampling_samples_total",
            "Samples and rows of aggregates that downsampling has read.",
            registry=registry,
        )  # fmt: skip
        self.scrubbed_bytes = Counter(
            "cupola_scrub_read_bytes_total", "Bytes of segments compared with their checksums.",
            registry=registry,
        )  # fmt: skip

    def _watch_replicas(self, registry: CollectorRegistry) -> None:
        self.replica_silence = Gauge(
            "cupola_replica_silence_seconds",
            "Age of the newest sample of each replica of an HA pair, by tenant and cluster.",
            ["tenant", "ha_cluster", "ha_replica"], registry=registry,
        )  # fmt: skip
        self.replicas_left_out = Gauge(
            "cupola_replicas_left_out",
            "Replicas that cupola_replica_silence_seconds does not tell of, being too many.",
            registry=registry,
        )


@contextmanager
def timed(metrics: StorageMetrics, shard: int) -> Iterator[None]:
    """Measure and log one seal."""
    started = time.monotonic()
    yield
    seconds = time.monotonic() - started
    metrics.seal_seconds.observe(seconds)
    logger.info("sealed shard=%d seconds=%.2f", shard, seconds)
