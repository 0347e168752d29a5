"""The watch over replicas: who is told of, for how long, and how many are not."""

from __future__ import annotations

import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from storage.database import Database
from storage.labels.matchers import Matcher
from storage.metrics import StorageMetrics
from storage.policy import Policy
from storage.read.replicas.report import FORGOTTEN_MS
from storage.read.replicas.watch import WATCH_LIMITS, ReplicaWatch, WatchedLabels, WatchLimits
from tests.makers.batches import DECODER
from tests.makers.databases import WHOLE, opened, options, series, write
from tests.storage.shard.test_forgetting import forget

LABELS = WatchedLabels(replica=("r", "s"), cluster=("cluster",))
NOW = 1_000_000_000_000


class Watched:
    """A watch over one database, and what its metrics say."""

    def __init__(
        self,
        database: Database,
        labels: WatchedLabels = LABELS,
        limits: WatchLimits = WATCH_LIMITS,
    ):
        self.registry = CollectorRegistry()
        self.database = database
        self.watch = ReplicaWatch(StorageMetrics(self.registry), labels, limits)

    def told(self, now_ms: int = NOW) -> dict[tuple[str, str, str], float]:
        tables = [shard.table for shard in self.database._shards]
        self.watch.update(tables, self.database._known.name_of, now_ms)
        samples = [s for family in self.registry.collect() for s in family.samples]
        return {
            (s.labels["tenant"], s.labels["ha_cluster"], s.labels["ha_replica"]): s.value
            for s in samples
            if s.name == "cupola_replica_silence_seconds"
        }

    @property
    def left_out(self) -> float | None:
        return self.registry.get_sample_value("cupola_replicas_left_out")


def test_the_newest_sample_of_each_replica_counts(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as database:
        watched = Watched(database)
        assert watched.told() == {}
        write(database, [series("up", [(NOW - 5_000, 1.0)], r="a", cluster="1")], tenant="t")
        write(database, [series("up", [(NOW - 60_000, 1.0)], r="b", cluster="1")], tenant="t")
        write(database, [series("up", [(NOW, 1.0)], cluster="1")], tenant="t")
        assert watched.told() == {("t", "1", "a"): 5.0, ("t", "1", "b"): 60.0}
        write(database, [series("x", [(NOW - 2_000, 1.0)], r="a", cluster="1")], tenant="t")
        write(database, [series("x", [(NOW + 1_000, 1.0)], r="a", s="c")], tenant="u")
        write(database, [series("up", [(NOW - 50_000, 1.0)], r="b", cluster="1")], tenant="t")
        assert watched.told() == {
            ("t", "1", "a"): 2.0,
            ("t", "1", "b"): 50.0,
            ("u", "", "a/c"): 0.0,
        }


def test_a_replica_is_forgotten_after_a_day(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        watched = Watched(database)
        write(database, [series("up", [(NOW, 1.0)], r="a")])
        write(database, [series("up", [(NOW + 1_000, 1.0)], r="b")])
        assert len(watched.told(NOW + FORGOTTEN_MS - 1)) == 2
        assert list(watched.told(NOW + FORGOTTEN_MS)) == [("t", "", "b")]
        write(database, [series("up", [(NOW + FORGOTTEN_MS, 1.0)], r="a")])
        assert len(watched.told(NOW + FORGOTTEN_MS)) == 2


def test_forgotten_series_say_nothing_of_their_replicas(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        watched = Watched(database)
        write(database, [series("up", [(NOW, 1.0)], r="a", i=str(i)) for i in range(3)])
        write(database, [series("up", [(NOW, 1.0)], r="b")])
        assert len(watched.told()) == 2
        a = (Matcher("r", "=", "a"),)
        database.deletions.delete_series("t", (a,), *WHOLE)
        database.deletions.clean("t")
        forget(database)
        write(database, [series("up", [(NOW + 1_000, 1.0)], r="c")])
        assert [replica for _, _, replica in watched.told()] == ["b", "c"]


def test_replicas_are_bounded_in_number(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        watched = Watched(database, limits=WatchLimits(shown=3))
        write(database, [series("up", [(NOW, 1.0)], r=f"r{i}") for i in range(5)])
        assert [replica for _, _, replica in watched.told()] == ["r0", "r1", "r2"]
        assert watched.left_out == 2
        watched = Watched(database, limits=WatchLimits(known=2))
        assert len(watched.told()) == 2
        assert watched.left_out == 3


def test_nothing_is_told_without_replica_labels(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(NOW, 1.0)], r="a")])
        assert Watched(database, WatchedLabels((), ("cluster",))).told() == {}


def test_the_database_watches_its_replicas(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    database = Database.open(options(tmp_path), DECODER.decode, registry, Policy(LABELS))
    try:
        write(database, [series("up", [(time.time_ns() // 1_000_000, 1.0)], r="a")])
        database.watch_replicas(time.time_ns() // 1_000_000 + 100_000)
        labels = {"tenant": "t", "ha_cluster": "", "ha_replica": "a"}
        silence = registry.get_sample_value("cupola_replica_silence_seconds", labels)
        assert silence is not None and silence >= 100
    finally:
        database.close()
