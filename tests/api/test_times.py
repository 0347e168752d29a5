"""Tests of times and durations in parameters, some against Go's own answers."""

import json

import pytest

from api.promql.go_format import parse_float
from api.times import (
    MAX_TIME_MS,
    MIN_TIME_MS,
    parse_duration_ns,
    parse_resolution_ms,
    parse_time_ms,
    rfc3339_of_ns,
)
from tests.shared import GO_GOLDEN


def golden(key: str) -> list[dict[str, str]]:
    if not GO_GOLDEN.exists():
        pytest.skip(f"no reference data at {GO_GOLDEN}; set CUPOLA_SHARED")
    cases: list[dict[str, str]] = json.loads(GO_GOLDEN.read_text())[key]
    return cases


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("0", 0),
        ("4", 4_000),
        ("1435781451.781", 1_435_781_451_781),
        ("1795208776.5819428", 1_795_208_776_582),
        ("-0.5", -500),
        ("-1.0006", -1_001),
        ("0.0004", 0),
        ("1e3", 1_000_000),
        ("1e300", MAX_TIME_MS),
        ("-1e300", MIN_TIME_MS),
        ("+Inf", MAX_TIME_MS),
        ("NaN", MIN_TIME_MS),
        ("1700000000000", 1_700_000_000_000_000),
        ("9223372036854775", MAX_TIME_MS),
        ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
        ("2015-07-01T20:10:51.7819999Z", 1_435_781_451_781),
        ("2015-07-01T22:10:51+02:00", 1_435_781_451_000),
        ("2015-07-01T18:10:51.5-02:00", 1_435_781_451_500),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("0000-02-29T00:00:00Z", -62_162_121_600_000),
        ("2015-07-01T9:10:51,5Z", 1_435_741_851_500),
        ("2015-07-02T20:10:51+24:00", 1_435_781_451_000),
        ("2015-07-01T00:00:00-00:60", 1_435_712_400_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
        ("-292273086-05-16T16:47:06Z", MIN_TIME_MS),
        ("292277025-08-18T07:12:54.999999999Z", MAX_TIME_MS),
    ],
)
def test_times(text: str, time_ms: int) -> None:
    assert parse_time_ms(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2015-07-01",
        "2015-07-01 20:10:51Z",
        "2015-07-01T20:10:51",
        "2015-13-01T20:10:51Z",
        "2015-02-30T20:10:51Z",
        "2015-07-01T20:10:51+99:00",
        "0000-02-30T00:00:00Z",
        "2015-07-01T24:00:00Z",
        "2015-07-01T20:10:60Z",
        "2015-07-01T20:10:51.Z",
        "2015-07-01T20:10:51+25:00",
        "2015-07-01T20:10:51+00:61",
        "2015-07-01T20:1:51Z",
        "2015-07-01t20:10:51z",
        "1e400",
    ],
)
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match=f'^cannot parse "{text}'.replace("+", r"\+")) as caught:
        parse_time_ms(text)
    assert str(caught.value).endswith("to a valid timestamp")


def test_durations_are_read_as_go_reads_them() -> None:
    for case in golden("durations"):
        if not case["err"]:
            assert parse_duration_ns(case["s"]) == int(case["ns"]), case
        elif parse_float(case["s"]) is None:
            with pytest.raises(ValueError, match="to a valid duration$"):
                parse_duration_ns(case["s"])


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("15", 15 * 10**9),
        ("0.0005", 500_000),
        ("-5", -5 * 10**9),
        ("1e-9", 1),
        ("1h30m", 54 * 10**11),
        # What no int64 is, as on amd64.
        ("NaN", -(2**63)),
        ("9223372036.854775807", -(2**63)),
        ("-9223372036.854775807", -(2**63)),
    ],
)
def test_durations(text: str, duration_ns: int) -> None:
    assert parse_duration_ns(text) == duration_ns


@pytest.mark.parametrize(
    ("text", "step_ms", "resolution_ms"),
    [
        ("0s", 60_000, 0),
        ("0", 60_000, 0),
        ("5m", 60_000, 300_000),
        ("1h", 0, 3_600_000),
        ("3600.5", 0, 3_600_500),
        ("auto", 1_500_000, 300_000),
        ("auto", 1_499_999, 299_999),
        ("auto", 0, 0),
    ],
)
def test_resolutions(text: str, step_ms: int, resolution_ms: int) -> None:
    assert parse_resolution_ms(text, step_ms) == resolution_ms


def test_a_resolution_is_no_negative_duration() -> None:
    with pytest.raises(ValueError, match='got "-5"; it must not be negative'):
        parse_resolution_ms("-5", 60_000)
    with pytest.raises(ValueError, match='cannot parse "often" to a valid duration'):
        parse_resolution_ms("often", 60_000)


def test_a_duration_beyond_int64_is_refused() -> None:
    with pytest.raises(ValueError, match='cannot parse "1e10" to a valid duration. It overflows'):
        parse_duration_ns("1e10")
    with pytest.raises(ValueError, match='cannot parse "Inf"'):
        parse_duration_ns("Inf")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "0001-01-01T00:00:00Z"),
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000_050_000_000, "2023-11-14T22:13:20.05Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_times_have_as_many_digits_as_they_need(ns: int | None, text: str) -> None:
    assert rfc3339_of_ns(ns) == text
