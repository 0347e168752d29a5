"""What comments say of metric families, as metadata."""

from __future__ import annotations

import pytest

from receiver.importing.text.families import Families
from tests.makers.bodies.v1 import fields_of

Entry = tuple[int, str, str, str]


def entries(fields: bytes) -> list[Entry]:
    """(type, name, help, unit) of metadata fields."""
    found = []
    for number, content in fields_of(fields):
        assert number == 3 and isinstance(content, bytes)
        parts = dict(fields_of(content))
        texts = [parts.get(k, b"") for k in (2, 4, 5)]
        kind = parts.get(1, 0)
        assert isinstance(kind, int)
        found.append((kind, *(t.decode() for t in texts if isinstance(t, bytes))))
    return found  # type: ignore[return-value]


def read(*lines: str) -> list[Entry]:
    families = Families()
    for line in lines:
        families.read(line)
    return entries(families.take())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["# TYPE m counter"], [(1, "m", "", "")]),
        (["# TYPE m gauge", "# HELP m Some  help. ", "# UNIT m seconds"],
         [(2, "m", "Some  help.", "seconds")]),
        (["# TYPE a histogram", "# TYPE b summary"], [(3, "a", "", ""), (5, "b", "", "")]),
        (["# TYPE m gaugehistogram"], [(4, "m", "", "")]),
        (["# TYPE m info"], [(6, "m", "", "")]),
        (["# TYPE m stateset"], [(7, "m", "", "")]),
        (["# TYPE m untyped"], [(0, "m", "", "")]),
        (["# TYPE m of-tomorrow"], [(0, "m", "", "")]),
        ([r"# HELP m a\\b\nc\"d\x"], [(0, "m", 'a\\b\nc"d\\x', "")]),
        ([r'# TYPE "a.b \"c" counter'], [(1, 'a.b "c', "", "")]),
        (["#HELP m x"], [(0, "m", "x", "")]),
        (["# EOF", "# a comment", "#", "# TYPE", "# TYPE "], []),
    ],
)  # fmt: skip
def test_lines(lines: list[str], expected: list[Entry]) -> None:
    assert read(*lines) == expected


def test_what_was_said_is_not_said_again() -> None:
    families = Families()
    families.read("# TYPE m counter")
    assert len(entries(families.take())) == 1
    assert families.take() == b""
    families.read("# TYPE m counter")
    assert families.take() == b""
    families.read("# TYPE m gauge")
    assert entries(families.take()) == [(2, "m", "", "")]
