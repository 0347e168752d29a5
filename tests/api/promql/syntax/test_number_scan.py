"""Where numbers and durations end."""

from __future__ import annotations

import pytest

from api.promql.syntax.number_scan import scan_duration_rest, scan_number


@pytest.mark.parametrize(
    ("text", "is_number", "end"),
    [
        ("12", True, 2),
        ("1_000)", True, 5),
        (".5e-3 ", True, 5),
        ("0x1F+", True, 4),
        ("1e5", True, 3),
        ("5m", False, 1),
        ("1.2.3", False, 4),
        ("1e", False, 2),
        ("1__0", False, 3),
        ("0x1.8", False, 4),
        ("1a", False, 1),
    ],
)
def test_the_end_of_a_number(text: str, is_number: bool, end: int) -> None:
    assert scan_number(text, 0) == (is_number, end)


@pytest.mark.parametrize(
    ("text", "is_duration", "end"),
    [("5m", True, 2), ("1h30m)", True, 5), ("5ms", True, 3), ("5mx", False, 3), ("5x", False, 1)],
)
def test_the_end_of_a_duration(text: str, is_duration: bool, end: int) -> None:
    assert scan_duration_rest(text, 1) == (is_duration, end)
