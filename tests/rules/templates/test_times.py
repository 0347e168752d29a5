"""Times in Go's layouts, durations in Go's words, and the methods that templates call."""

import pytest

from rules.templates.times import DURATION_METHODS, TIME_METHODS, format_span, format_time
from rules.templates.values import Duration, Time

MOMENT = Time(1_435_065_584_128_000_000)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("2006-01-02T15:04:05Z07:00", "2015-06-23T13:19:44Z"),
        ("2006-01-02 15:04:05.999999999 -0700 MST", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 23 Jun 2015 13:19:44 UTC"),
        ("Monday January _2 3:4:5pm", "Tuesday June 23 1:19:44pm"),
        ("02.1.06 03:04:05.000000 PM -07:00", "23.6.15 01:19:44.128000 PM +00:00"),
        ("002 __2", "174 174"),
        ("no layout", "no layout"),
    ],
)
def test_layouts(layout: str, text: str) -> None:
    assert format_time(MOMENT, layout) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (-1_500_000, "-1.5ms"),
        (1_000_000_000, "1s"),
        (61_500_000_000, "1m1.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (90_061_000_000_000, "25h1m1s"),
    ],
)
def test_spans(ns: int, text: str) -> None:
    assert format_span(Duration(ns)) == text


def test_methods() -> None:
    times = {name: method(MOMENT) for name, method in TIME_METHODS.items()}
    assert (times["Year"], times["Month"], times["Day"]) == (2015, "June", 23)
    assert (times["Hour"], times["Minute"], times["Second"]) == (13, 19, 44)
    assert (times["Weekday"], times["YearDay"], times["Nanosecond"]) == ("Tuesday", 174, 128000000)
    assert (times["Unix"], times["UnixMilli"]) == (1435065584, 1435065584128)
    spans = {name: method(Duration(-90_500_000_000)) for name, method in DURATION_METHODS.items()}
    assert (spans["Minutes"], spans["Seconds"]) == (-90.5 / 60, -90.5)
    assert (spans["Milliseconds"], spans["Abs"]) == (-90500, Duration(90_500_000_000))
