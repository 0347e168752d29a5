"""A job leaves what queries see as it was, in fewer segments, and takes effect at once or never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.compaction.compactor import Compactor, refs_of
from storage.compaction.pace import Stopped, unhurried
from storage.compaction.planner import plan
from storage.database import Database
from storage.errors import FormatError
from storage.files import HISTOGRAMS_FILE, META_FILE, SAMPLES_FILE, segments_directory
from storage.labels.matchers import Matcher
from storage.options import DAY_MS
from storage.segments.segment import read_meta, verify_segment
from storage.shard.doomed import GRACE_MS
from storage.shard.shard import now_ms
from tests.makers.bodies.exemplars import batch
from tests.makers.compaction import LONG_AFTER_MS, compact, worker_of
from tests.makers.databases import (
    WHOLE,
    append,
    key,
    opened,
    read,
    read_mixed,
    seal,
    series,
    write,
    write_mixed,
)
from tests.makers.histograms import EXAMPLES, without_hints


def fill(database: Database, seals: int = 4) -> None:
    """Segments of one window of two hours, and one of the next day; of equal times the first
    sample counts."""
    for number in range(seals):
        points = [(t, float(10 * number + t)) for t in range(number, number + 5)]
        write(database, [series("up", points, x="1"), series(f"m{number}", [(5, 1.0)])])
        if number == 1:
            write(database, [series("up", [(DAY_MS, 7.0)], x="1")])
        seal(database)


def names(path: Path) -> set[str]:
    return {entry.name for entry in segments_directory(path, 0).iterdir()}


def test_segments_become_one_and_queries_see_the_same(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        expected = read(database)
        before = database._shards[0].view().segments
        assert len(before) == 4, "the eight days of 1970 are one window"
        assert compact(database) == 1
        (segment,) = database._shards[0].view().segments
        assert (segment.level, segment.rank, segment.samples) == (3, 1, 13)
        meta = read_meta(segments_directory(tmp_path, 0) / segment.ulid)
        assert meta.sources == tuple(s.ulid for s in before)
        assert verify_segment(segments_directory(tmp_path, 0) / segment.ulid) == segment
        assert read(database) == expected
        assert names(tmp_path) == {s.ulid for s in (*before, segment)}, "for the grace period"
        del before  # as a query would, which ends
        database._doomed.delete_due(now_ms() + GRACE_MS)
        assert names(tmp_path) == {segment.ulid}
        assert compact(database) == 0
    with opened(tmp_path) as database:
        assert read(database) == expected
        assert database._shards[0].view().segments == (segment,)
        write(database, [series("up", [(2, 99.0)], x="1")])
        assert read(database) == expected, "what was written first counts"


def test_a_query_that_has_begun_is_not_disturbed(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        shard = database._shards[0]
        view, ids = shard.view(), np.sort(shard.table.ids[: shard.table.numbered])
        expected = shard.files.samples.select(view.segments, ids, WHOLE)
        compact(database)
        found = shard.files.samples.select(view.segments, ids, WHOLE)
        assert found.timestamps.tolist() == expected.timestamps.tolist()
        assert found.values.tolist() == expected.values.tolist()


def test_histograms_starts_and_exemplars_are_carried_along(tmp_path: Path) -> None:
    name = {"__name__": "h"}
    trace = [(5, 1.0, {"id": "a", "é": "ü"}), (6, 2.0, {})]
    with opened(tmp_path) as database:
        write_mixed(database, [(name, [(1, EXAMPLES[0], 0), (2, 5, 1), (3, EXAMPLES[1], 2)])])
        append(database, batch([(name, [], trace)]))
        seal(database)
        write_mixed(database, [(name, [(2, EXAMPLES[2], 0), (4, EXAMPLES[3], 3), (1, 9, 0)])])
        append(database, batch([(name, [], [*trace, (DAY_MS * 20, 3.0, {"id": "b"})])]))
        seal(database)

        def seen() -> tuple[object, object]:
            querier = database.querier("t", replica_labels=(), dedup=True)
            exemplars = querier.exemplars([], *WHOLE)
            rows = (exemplars.timestamps.tolist(), exemplars.exemplar_labels)
            return without_hints(list(read_mixed(database).values())), rows

        expected = seen()
        assert compact(database) == 1
        assert seen() == expected
        (segment,) = database._shards[0].view().segments
        assert (segment.samples, segment.histograms, segment.exemplars) == (4, 3, 3)


def test_a_segment_of_an_older_program_is_split(tmp_path: Path) -> None:
    """It is made here by a program that thinks that it is long ago, so that windows are large."""
    with opened(tmp_path) as database:
        points = [(t * DAY_MS, float(t)) for t in range(-3, 12)]
        write(database, [series("up", points)])
        straddling(database)
        (before,) = database._shards[0].view().segments
        assert (before.min_ms, before.max_ms) == (points[0][0], points[-1][0])
        expected = read(database)
        compact(database, scrub_interval_ms=0)
        segments = database._shards[0].view().segments
        assert [s.samples for s in sorted(segments, key=lambda s: s.min_ms)] == [3, 8, 4]
        assert {s.rank for s in segments} == {before.rank}
        assert read(database) == expected


def straddling(database: Database) -> None:
    """Seal a head into a single segment, as programs without windows did."""
    with pytest.MonkeyPatch.context() as patch:
        whole = [(-(1 << 62), 1 << 62)]
        patch.setattr("storage.shard.sealing.seal_windows", lambda slots, now_ms: whole)
        seal(database)


UP = (Matcher("__name__", "=", "up"),)


def test_what_is_deleted_is_cut_out_of_the_inputs_it_was_deleted_from(tmp_path: Path) -> None:
    """What was written again after the deletion stays, and comes to light."""
    with opened(tmp_path) as database:
        fill(database, 1)
        append(database, batch([({"__name__": "up", "x": "1"}, [], [(2, 1.0, {}), (4, 1.0, {})])]))
        database.deletions.delete_series("t", (UP,), 1, 3)
        write(database, [series("up", [(2, 99.0), (9, 1.0)], x="1")])
        seal(database)
        expected = [(0, 0.0), (2, 99.0), (4, 4.0), (9, 1.0)]
        assert read(database)[key("up", x="1")] == expected
        shard = database._shards[0]
        assert [len(each.pending) for each in shard.view().deletions] == [2]
        assert compact(database) == 1
        assert read(database)[key("up", x="1")] == expected
        (segment,) = shard.view().segments
        assert (segment.samples, segment.exemplars) == (5, 1), "m0 has one"
        assert shard.view().deletions == ()
        (receipt,) = database.deletions.receipts("t")
        assert (receipt.samples, receipt.segments_pending) == (3, 0)
        assert receipt.done_ms is not None
    with opened(tmp_path) as database:
        assert read(database)[key("up", x="1")] == expected


def test_what_is_deleted_meanwhile_moves_to_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        fill(database, 2)
        swap = Compactor._swap

        def delete_first(self: Compactor, *args: Any) -> bool:
            database.deletions.delete_series("t", (UP,), 0, 3)
            return swap(self, *args)

        monkeypatch.setattr(Compactor, "_swap", delete_first)
        compact(database)
        shard = database._shards[0]
        (segment,) = shard.view().segments
        (deletion,) = shard.view().deletions
        assert deletion.pending == {segment.ulid}
        assert min(read(database)[key("up", x="1")])[0] == 4
    with opened(tmp_path) as database:
        assert min(read(database)[key("up", x="1")])[0] == 4
        database.deletions.clean("t")
        assert min(read(database)[key("up", x="1")])[0] == 4
        assert database._shards[0].view().deletions == ()


def test_nothing_is_left_of_a_window(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database, 2)
        shard = database._shards[0]
        (job,) = plan(shard.view().segments, LONG_AFTER_MS)
        database.deletions.delete_series("t", ((),), *WHOLE)
        assert Compactor(database._tools(), unhurried()).run(shard, job) == []
        assert shard.view().segments == ()
        assert database._catalog.segments(0) == []
        assert not any(read(database).values())
    with opened(tmp_path) as database:
        assert names(tmp_path) == set()


def damage(path: Path, at: int = 40) -> None:
    contents = bytearray(path.read_bytes())
    contents[at] ^= 255
    path.write_bytes(contents)


def test_a_damaged_input_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as database:
        fill(database)
        shard = database._shards[0]
        second = shard.view().segments[1]
        damage(segments_directory(tmp_path, 0) / second.ulid / SAMPLES_FILE)
        assert compact(database) == 1
        expected = [(t, float(t)) for t in range(5)] + [(5, 25.0), (6, 26.0), (7, 37.0)]
        assert read(database)[key("up", x="1")] == expected
        assert read(database)[key("m1")] == []
        ((kept, reason, _),) = database._catalog.set_aside_segments(0)
        assert kept == second
        assert "samples.parquet is damaged" in reason
        assert "lost 6 samples of up to 2 series" in reason
        assert f"ulid={second.ulid}" in caplog.text
        database._doomed.delete_due(now_ms() + GRACE_MS)
        assert second.ulid in names(tmp_path), "it is kept"
        assert database._damages.segments() == set()
    with opened(tmp_path) as database:
        assert read(database)[key("up", x="1")] == expected
        assert second.ulid in names(tmp_path)


@pytest.mark.parametrize("name", [SAMPLES_FILE, HISTOGRAMS_FILE, META_FILE, "series.parquet"])
def test_what_is_readable_of_a_damaged_segment_is_carried_over(tmp_path: Path, name: str) -> None:
    """There is one segment only, so it is salvaged, once that it is damaged is known."""
    labels = {"__name__": "h"}
    with opened(tmp_path) as database:
        write_mixed(database, [(labels, [(1, EXAMPLES[0], 0), (2, 5, 1), (3, EXAMPLES[1], 2)])])
        seal(database)
        (before,) = database._shards[0].view().segments
        assert compact(database) == 0
        path = segments_directory(tmp_path, 0) / before.ulid
        damage(path / name)
        worker = worker_of(database, scrub_interval_ms=1)
        worker.round(now_ms() + 10)
        if name == META_FILE:
            assert before.ulid in database._damages.segments()
        assert worker.round(now_ms()) == 1
        (after,) = database._shards[0].view().segments
        found = [point[0] for point in read_mixed(database)[key("h")]]
        expected = {SAMPLES_FILE: [1, 3], HISTOGRAMS_FILE: [2]}.get(name, [1, 2, 3])
        assert (found, after.rank, after.samples) == (expected, before.rank, len(expected))
        ((kept, *_),) = database._catalog.set_aside_segments(0)
        assert kept == before
        assert worker.round(now_ms()) == 0


def test_a_job_that_is_stopped_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        shard, before = database._shards[0], names(tmp_path)
        worker = worker_of(database)
        worker._closing.set()
        (job,) = worker.plan(shard, LONG_AFTER_MS)
        with pytest.raises(Stopped):
            worker.compactor.run(shard, job)
        assert names(tmp_path) == before
        assert {s.ulid for s in shard.view().segments} == before


def test_inputs_that_retention_has_dropped_are_not_brought_back(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        shard = database._shards[0]
        (job,) = plan(shard.view().segments, LONG_AFTER_MS)
        gone = job.inputs[0]
        database._catalog.drop_segments([gone.ulid])
        shard.drop_segments({gone.ulid})
        assert Compactor(database._tools(), unhurried()).run(shard, job) == []
        assert gone not in shard.view().segments
        assert len(shard.view().segments) == 3
        assert names(tmp_path) == {s.ulid for s in job.inputs}, "no output is left"


def test_series_that_the_shard_does_not_know_are_an_error(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)])])
        table = database._shards[0].table
        assert refs_of(table, table.ids[:1]).tolist() == [0]
        assert refs_of(table, table.ids[:0]).tolist() == []
        with pytest.raises(FormatError, match="does not know"):
            refs_of(table, np.array([1, int(table.ids[0])]))


def test_disk_full_is_a_failure_and_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        fill(database)
        expected, before = read(database), names(tmp_path)
        rename = Path.rename

        def fail(self: Path, target: Path) -> Path:
            raise OSError(28, "no space left on device")

        monkeypatch.setattr(Path, "rename", fail)
        worker = worker_of(database)
        assert worker.round(LONG_AFTER_MS) == 0
        assert (read(database), names(tmp_path)) == (expected, before)
        (job,) = worker.plan(database._shards[0], LONG_AFTER_MS)
        assert worker.put_off_ms(job) > LONG_AFTER_MS
        assert worker.round(LONG_AFTER_MS) == 0, "it is put off"
        monkeypatch.setattr(Path, "rename", rename)
        assert worker.round(worker.put_off_ms(job)) == 1
        assert read(database) == expected
