"""Durations as text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.syntax.durations import format_duration, parse_duration
from tests.shared import GO_GOLDEN


@pytest.mark.parametrize(
    "text, expected_ms",
    [
        ("0", 0),
        ("0s", 0),
        ("1ms", 1),
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("1y2w3d4h5m6s7ms", 33_019_506_007),
    ],
)
def test_parse(text: str, expected_ms: int) -> None:
    assert parse_duration(text) == expected_ms


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "empty duration string"),
        ("5", 'not a valid duration string: "5"'),
        ("m", 'not a valid duration string: "m"'),
        ("1m1h", 'not a valid duration string: "1m1h"'),
        ("1h1h", 'not a valid duration string: "1h1h"'),
        ("1.5h", 'unknown unit "." in duration "1.5h"'),
        ("1mo", 'unknown unit "mo" in duration "1mo"'),
        ("300y", "duration out of range"),
        ("1" * 30 + "s", f'not a valid duration string: "{"1" * 30}s"'),
    ],
)
def test_bad_text(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "duration_ms, expected",
    [
        (0, "0s"),
        (90_000, "1m30s"),
        (604_800_000, "1w"),
        (604_800_001, "7d1ms"),
        (365 * 86_400_000, "1y"),
        (366 * 86_400_000, "366d"),
        (-1_500, "-1s500ms"),
    ],
)
def test_format(duration_ms: int, expected: str) -> None:
    assert format_duration(duration_ms) == expected


@given(st.integers(0, (1 << 63) // 1_000_000 - 1))
def test_what_is_formatted_can_be_parsed(duration_ms: int) -> None:
    assert parse_duration(format_duration(duration_ms)) == duration_ms


def test_golden() -> None:
    if not GO_GOLDEN.exists():
        pytest.skip(f"no reference data at {GO_GOLDEN}; set CUPOLA_SHARED")
    cases = json.loads(GO_GOLDEN.read_text())["durations"]
    assert [outcome(case["s"]) for case in cases] == [
        ("", "", case["err"]) if case["err"] else (case["ns"], case["str"], "") for case in cases
    ]


def outcome(text: str) -> tuple[str, str, str]:
    try:
        duration_ms = parse_duration(text)
    except ValueError as error:
        return "", "", str(error)
    return str(duration_ms * 1_000_000), format_duration(duration_ms), ""
