"""Files of text: blocks of lines, positions, formats, and what ends an import."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.importing.errors import SourceError
from receiver.importing.parts import ALWAYS, Report, Span
from receiver.importing.text import source as sources
from receiver.importing.text.source import TextSource, form_of
from storage.labels.matchers import Matcher
from storage.tenants.tenant import DEFAULT_TENANT
from tests.makers.databases import opened
from tests.makers.imports import found_in, imported, parts_of, stored

LINES = [f'm{{n="{k % 5}"}} {k} {k}\n' for k in range(100)]
TEXT = "# TYPE m gauge\n" + "".join(LINES) + "# EOF\n"


def source(path: Path, span: Span = ALWAYS, *, openmetrics: bool = True) -> TextSource:
    return TextSource(path, Report(), span, openmetrics=openmetrics)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "BLOCK_BYTES", 100)
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    return path


def test_blocks_end_with_lines_and_import_goes_on(path: Path) -> None:
    parts = parts_of(source(path))
    assert len(parts) > 10
    assert parts[-1].position == len(TEXT)
    everything = found_in(parts)
    assert sum(map(len, everything.values())) == 100
    for k, part in enumerate(parts):
        rest = found_in(parts_of(source(path), {"a.txt": part.position}))
        assert rest == found_in(parts[k + 1 :])
    assert b"".join(part.metadata for part in parts).count(b"\x12\x01m") == 1


def test_times_are_chosen(path: Path) -> None:
    found = found_in(parts_of(source(path, Span(10_000, 12_000))))
    assert sorted(t for points in found.values() for t, _ in points) == [10_000, 11_000, 12_000]


def test_files_may_be_compressed(path: Path) -> None:
    packed = path.with_name("a.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert form_of(packed) == "openmetrics"
    assert found_in(parts_of(source(packed))) == found_in(parts_of(source(path)))
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(SourceError, match="cannot be read"):
        parts_of(source(packed))


def test_an_end_is_needed(path: Path) -> None:
    path.write_text(TEXT.removesuffix("# EOF\n"))
    assert form_of(path) == "prometheus"
    with pytest.raises(SourceError, match="has no # EOF at its end"):
        parts_of(source(path))
    parts_of(source(path, openmetrics=False))


def test_a_wrong_line_is_named_wherever_it_is(path: Path) -> None:
    path.write_text("".join(LINES) + "m one 1\n# EOF\n")
    taken = []
    with pytest.raises(SourceError, match="line 101: expected a number, got 'm one 1'"):
        for part in source(path).parts({}):
            taken.append(part)
    with pytest.raises(SourceError, match="line 101: expected a number"):
        parts_of(source(path), {"a.txt": taken[-1].position})


def test_long_lines_and_shrunken_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=f"has only {len(TEXT)} bytes"):
        parts_of(source(path), {"a.txt": 10_000})
    monkeypatch.setattr(sources, "LINE_BYTES_MAX", 1000)
    path.write_text("m" * 5000)
    with pytest.raises(SourceError, match="a line of more than 1000 bytes"):
        parts_of(source(path))
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        parts_of(source(path))


def test_metadata_and_exemplars_reach_the_database(tmp_path: Path) -> None:
    path = tmp_path / "a.om"
    path.write_text(
        "# TYPE m counter\n# HELP m Help.\n"
        'm_total{a="b"} 1 1 # {trace_id="x"} 0.5 0.75\nm_total{a="b"} 2 2\n# EOF\n'
    )
    labels = (("__name__", "m_total"), ("a", "b"))
    assert imported(tmp_path / "data", str(path)) == {labels: [(1000, 1.0), (2000, 2.0)]}
    with opened(tmp_path / "data") as database:
        querier = database.querier(DEFAULT_TENANT, replica_labels=(), dedup=True)
        (about,) = querier.metadata()["m"]
        found = querier.exemplars([[Matcher("__name__", "=", "m_total")]], 0, 10_000)
    assert (about.kind, about.help) == (1, "Help.")
    assert found.timestamps.tolist() == [750]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_same_by_promtools_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.om"
    lines = [f'm{{n="{k % 3}"}} {k * 0.1} 17000{k:05}\n' for k in range(200)]
    path.write_text("".join(lines) + "# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "a.om", "blocks"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    by_blocks = imported(tmp_path / "1", str(tmp_path / "blocks"))
    assert imported(tmp_path / "2", str(path)) == by_blocks
    assert stored(tmp_path / "2") == by_blocks
