"""Built files: what they are, and their compressed forms."""

from __future__ import annotations

import zlib
from pathlib import Path

import cramjam
import pytest

from api.page.files import BuiltFile, built_files, encoding_of

BUDGET_BYTES = 350 * 1024


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, BR;q=0.5", "br"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0.000", ""),
        ("brotli", ""),
    ],
)
def test_encodings(accepted: str, encoding: str) -> None:
    assert encoding_of(accepted) == encoding


def test_forms_are_made_once_and_hold_the_same() -> None:
    file = BuiltFile("a.js", b"let a = 1;\n" * 50)
    assert file.form("") == ("", file.body)
    assert bytes(cramjam.brotli.decompress(file.form("br")[1])) == file.body
    assert zlib.decompress(file.form("gzip")[1], wbits=31) == file.body
    assert file.form("br")[1] is file.form("br")[1]
    assert BuiltFile("a.woff2", b"x" * 99).form("br") == ("", b"x" * 99)


def test_names_types_and_tags(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<html>")
    (tmp_path / "assets" / "a.js").write_text("1")
    found = built_files(tmp_path)
    assert {name: file.type for name, file in found.items()} == {
        "index.html": "text/html; charset=utf-8",
        "assets/a.js": "text/javascript; charset=utf-8",
    }
    assert found["assets/a.js"].etag != found["index.html"].etag
    assert built_files(tmp_path / "nothing") == {}


def test_all_of_it_is_small() -> None:
    files = built_files()
    assert "index.html" in files
    sizes = {name: len(file.form("br")[1]) for name, file in files.items()}
    # Read by lawyers, not by browsers.
    del sizes["third-party-licenses.txt"]
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


def test_what_is_bundled_has_its_license() -> None:
    text = built_files()["third-party-licenses.txt"].body.decode()
    for name in ("preact", "uplot", "@codemirror/view", "@prometheus-io/codemirror-promql"):
        assert f"\n{name} " in f"\n{text}", name
    assert "no text of its own" not in text
