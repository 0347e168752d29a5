"""Exemplars of several segments become one sorted column, each of them once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.compaction.exemplars import merge_exemplars
from storage.files import EXEMPLARS_FILE
from storage.samples.exemplars import Exemplars
from storage.segments.damage import Damages
from storage.segments.exemplars import write_exemplars
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from tests.storage.segments.test_exemplars import ROWS, made
from tests.twins.storage.exemplars import Written

texts = st.text(max_size=5).map(str.encode)
labels = st.dictionaries(st.sampled_from([b"id", "é".encode(), b"span"]), texts, max_size=3)
written = st.tuples(
    st.integers(1, 3),
    st.integers(-2, 2),
    st.sampled_from([0, 1 << 63, 0x7FF0000000000002]),
    labels.map(lambda found: tuple(sorted(found.items()))),
)


def stored(directory: Path, rows: list[Written], group_rows: int = 3) -> SegmentMeta:
    meta = SegmentMeta(
        ulid=new_ulid(1), shard=0, min_ms=0, max_ms=1, samples=0, series=1, bytes=1, created_ms=0,
        exemplars=len(rows),
    )  # fmt: skip
    if rows:
        (directory / meta.ulid).mkdir()
        path = directory / meta.ulid / EXEMPLARS_FILE
        write_exemplars(made(rows), path, group_rows=group_rows)
    return meta


def keep_all(segment: SegmentMeta, exemplars: Exemplars) -> Exemplars:
    return exemplars


def plain(exemplars: Exemplars) -> list[Written]:
    bits = exemplars.values.view("uint64").tolist()
    return [
        (series, time, bits[i], tuple((n.encode(), v.encode()) for n, v in exemplars.labels(i)))
        for i, (series, time) in enumerate(
            zip(exemplars.series.tolist(), exemplars.timestamps.tolist(), strict=True)
        )
    ]


@settings(deadline=None)
@given(st.lists(st.lists(written, max_size=8), min_size=1, max_size=4))
def test_each_exemplar_once(inputs: list[list[Written]]) -> None:
    with TemporaryDirectory() as name:
        metas = [stored(Path(name), rows) for rows in inputs]
        found = plain(merge_exemplars(Path(name), metas, Damages(), keep_all))
    assert sorted(found) == sorted({row for rows in inputs for row in rows})
    assert [row[:2] for row in found] == sorted(row[:2] for row in found)


def test_what_is_damaged_is_left_out(tmp_path: Path) -> None:
    metas = [stored(tmp_path, rows, group_rows=2) for rows in (ROWS, ROWS[:1])]
    damages = Damages()
    damages.note(tmp_path / metas[0].ulid / EXEMPLARS_FILE, [1], "wrong")
    assert plain(merge_exemplars(tmp_path, metas, damages, keep_all)) == plain(made(ROWS[:2]))
    damages.note(tmp_path / metas[0].ulid / EXEMPLARS_FILE, None, "worse")
    assert plain(merge_exemplars(tmp_path, metas, damages, keep_all)) == plain(made(ROWS[:1]))
