"""Directories of blocks: which are imported, and blocks that Debian's promtool wrote."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.importing.blocks import FINISHED, BlockSource, directory_source
from receiver.importing.errors import SourceError
from receiver.importing.parts import ALWAYS, Report, Span
from storage.chunks.chunks import AGGREGATES, FLOAT_HISTOGRAM, HISTOGRAM
from storage.histograms.histograms import Parts, parts_of
from tests.makers.blocks import WrittenChunk, WrittenSeries, write_block
from tests.makers.databases import opened, read_mixed
from tests.makers.imports import found_in, imported, stored
from tests.makers.imports import parts_of as parts_from
from tests.receiver.importing.tsdb.test_block import FIRST, SECOND, WRITTEN, A, B, series
from tests.twins.storage.chunks import Layout, Point, histogram_chunk

ULIDS = [f"01H0000000000000000000000{k}" for k in range(4)]


def source(path: Path, report: Report | None = None, span: Span = ALWAYS) -> BlockSource:
    return directory_source(path, report or Report(), span)


def test_one_block_and_several(tmp_path: Path) -> None:
    one = write_block(tmp_path, [series("a", SECOND, l="é")], ulid=ULIDS[0])
    assert found_in(parts_from(source(one))) == {A: SECOND}
    write_block(tmp_path, [series("a", FIRST, l="é"), series("b", FIRST)], ulid=ULIDS[1])
    (tmp_path / "lost+found").mkdir()
    parts = parts_from(source(tmp_path))
    assert [(part.unit, part.position) for part in parts] == [
        (ULIDS[1], 2), (ULIDS[1], FINISHED), (ULIDS[0], 1), (ULIDS[0], FINISHED),
    ]  # fmt: skip
    assert [part.stage for part in parts] == ["block 1 of 2"] * 2 + ["block 2 of 2"] * 2
    assert found_in(parts) == {A: FIRST + SECOND, B: FIRST}
    assert found_in(parts_from(source(tmp_path), {ULIDS[1]: 1})) == {B: FIRST, A: SECOND}
    assert found_in(parts_from(source(tmp_path), {ULIDS[1]: FINISHED})) == {A: SECOND}
    assert parts_from(source(tmp_path, span=Span(9000, 9999))) == []


def test_a_directory_without_blocks(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no block and has none"):
        source(tmp_path)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    aggregate = WrittenSeries(dict(A), [WrittenChunk(3000, 5000, AGGREGATES, b"x")])
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[0]) / "deletion-mark.json").write_text("{}")
    write_block(tmp_path, [aggregate], ulid=ULIDS[1], downsample={"resolution": 300_000})
    write_block(tmp_path, WRITTEN, ulid=ULIDS[2])
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[3]) / "meta.json").write_text("{")
    (tmp_path / "wal").mkdir()
    report = Report()
    assert found_in(parts_from(source(tmp_path, report))) == {A: FIRST + SECOND, B: FIRST}
    lines = "\n".join(report.lines())
    assert "the write-ahead log beside the blocks is not read" in lines
    assert "1 blocks are marked for deletion" in lines
    assert "1 downsampled blocks are left out" in lines
    assert "resolution 300000 ms, times 4001 to 5001" in lines
    assert "not imported: 1 blocks\n" in lines


def test_a_damaged_block_costs_no_other(tmp_path: Path) -> None:
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[0]) / "index").write_bytes(b"nothing")
    write_block(tmp_path, [series("b", FIRST)], ulid=ULIDS[1])
    report = Report()
    assert found_in(parts_from(source(tmp_path, report))) == {B: FIRST}
    assert report.losses["blocks"].examples == [
        f"block {ULIDS[0]}: its index does not begin like one"
    ]


def test_histograms_reach_the_database(tmp_path: Path) -> None:
    layout = Layout(1, 0.5, [(2, 1)], [(1, 0)])
    points = [Point(10, 6, 1, 2.5, (1, 2), (2,)), Point(20, 8, 1, 4.5, (2, 3), (2,))]
    stale = Point(30, 0, 0, 0, stale=True)
    chunks = [
        WrittenChunk(10, 20, HISTOGRAM, histogram_chunk(layout, points, floats=False)),
        WrittenChunk(30, 30, FLOAT_HISTOGRAM, histogram_chunk(Layout(), [stale], floats=True)),
    ]
    write_block(tmp_path / "blocks", [WrittenSeries({"__name__": "h"}, chunks), *WRITTEN])
    imported(tmp_path / "data", str(tmp_path / "blocks"), "--tenant", "t")
    with opened(tmp_path / "data") as database:
        found = database.querier("t", replica_labels=(), dedup=True).select([], -100, 100)
        samples = found.read(0, found.labels.rows)
        mixed = read_mixed(database)
    assert samples.natives is not None
    rows = samples.natives.rows[samples.natives.mask]
    first, second, marker = (parts_of(samples.natives.histograms, row) for row in rows)
    wanted = Parts(1, 6, 2.5, 0.5, 1, [(1, 1), (2, 2)], [(0, 2)], [])
    assert (first.schema, first.count, first.sum) == (wanted.schema, wanted.count, wanted.sum)
    assert (first.positive, first.negative) == (wanted.positive, wanted.negative)
    assert (second.count, second.positive) == (8, [(1, 2), (2, 3)])
    assert marker.sum != marker.sum
    assert mixed[B][0][0] == 1000


def test_importing_twice_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_block(tmp_path / "blocks", WRITTEN))
    data = tmp_path / "data"
    assert imported(data, path) == {A: FIRST + SECOND, B: FIRST}
    assert "imported 6 samples" in capsys.readouterr().out
    assert imported(data, path) == {A: FIRST + SECOND, B: FIRST}
    assert "imported 0 samples" in capsys.readouterr().out
    (data / "import-state.json").unlink()
    assert imported(data, path) == {A: FIRST + SECOND, B: FIRST}


def test_samples_beyond_the_retention_are_a_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_block(tmp_path / "blocks", WRITTEN))
    imported(tmp_path / "data", path, "--storage.retention", "1d", expect=1)
    reported = capsys.readouterr().err
    assert "not imported: 6 samples refused, too_old" in reported
    assert "storage.retention" in reported


OPENMETRICS = """\
# HELP m_total Help.
# TYPE m counter
m_total{instance="a",path="é\\\\n"} 1 1700000000.5
m_total{instance="a",path="é\\\\n"} 2.5 1700000015.5
m_total{instance="b"} 1e300 1700000000
m_total{instance="b"} NaN 1700014400
# TYPE g gauge
g -3.25 1700007200.123
# EOF
"""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_blocks_of_promtool(tmp_path: Path) -> None:
    (tmp_path / "a.om").write_text(OPENMETRICS)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "a.om", "blocks"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "blocks").iterdir())) > 1
    imported(tmp_path / "data", str(tmp_path / "blocks"))
    # What it takes for a data directory has a log.
    (tmp_path / "blocks" / "wal").mkdir()
    dumped = subprocess.run(
        ["promtool", "tsdb", "dump", "blocks"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = {
        f"{{{', '.join(f'{n}={quoted(v)}' for n, v in labels)}}} {number(value)} {time}"
        for labels, points in stored(tmp_path / "data").items()
        for time, value in points
    }
    assert lines == set(dumped.stdout.splitlines())


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\")
    return f'"{escaped}"'


def number(value: float) -> str:
    if value != value:
        return "NaN"
    return {1e300: "1e+300"}.get(value, f"{value:g}")
