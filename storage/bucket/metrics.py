"""The metrics of what goes to the bucket, and of what is read from there."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class BucketMetrics:
    """Registered once, also where there is no bucket."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "cupola_bucket_waiting_segments", "Segments that are to be uploaded.",
            registry=registry,
        )  # fmt: skip
        self.waiting_bytes = Gauge(
            "cupola_bucket_waiting_bytes", "Size of the segments that are to be uploaded.",
            registry=registry,
        )  # fmt: skip
        self.uploaded = Counter(
            "cupola_bucket_uploaded_segments_total", "Segments uploaded.", registry=registry
        )
        self.deleted = Counter(
            "cupola_bucket_deleted_segments_total",
            "Segments deleted from the bucket, unfinished uploads included.", registry=registry,
        )  # fmt: skip
        self.failures = Counter(
            "cupola_bucket_failures_total",
            "Rounds of uploads and deletions, or of looking for what is new, that failed.",
            registry=registry,
        )  # fmt: skip
        self.written_seconds = Gauge(
            "cupola_bucket_contents_timestamp_seconds",
            "When the bucket was last known to have everything that is sealed, since unix epoch.",
            registry=registry,
        )  # fmt: skip
        self.remote_segments = Gauge(
            "cupola_bucket_remote_segments", "Segments whose samples are only in the bucket.",
            registry=registry,
        )  # fmt: skip
        self.cached_bytes = Gauge(
            "cupola_bucket_cached_bytes", "Parts of such segments that are on the local disk.",
            registry=registry,
        )  # fmt: skip
        self.cache_pieces = Counter(
            "cupola_bucket_cache_pieces_total",
            "Pieces of 64 KiB of such segments that queries needed: found, or fetched.",
            ["result"], registry=registry,
        )  # fmt: skip
        for result in ("found", "fetched"):
            self.cache_pieces.labels(result)
