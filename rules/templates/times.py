"""Times and durations of templates as Go writes them, and the methods that templates call on them.

A layout is written as Go's reference time, Mon Jan 2 15:04:05 2006, would be.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from rules.templates.values import Duration, Int64, Time, Value

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_LAYOUT = "2006-01-02 15:04:05.999999999 -0700 MST"
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PART = re.compile(
    r"January|Jan|Monday|Mon(?![a-z])|MST|2006|15|01|02|03|04|05|06|002|__2|_2|PM|pm"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07"
    r"|[.,]0+(?![0-9])|[.,]9+(?![0-9])|1|2|3|4|5"
)


def _parts(time: Time) -> tuple[datetime, int]:
    seconds, fraction = divmod(time.ns, SECOND_NS)
    return _EPOCH + timedelta(seconds=seconds), fraction


def format_time(time: Time, layout: str = _DEFAULT_LAYOUT) -> str:
    """The time in a layout; int64 nanoseconds lie within the years that Python knows."""
    moment, fraction = _parts(time)
    texts = {
        "January": _MONTHS[moment.month - 1],
        "Jan": _MONTHS[moment.month - 1][:3],
        "1": str(moment.month),
        "01": f"{moment.month:02d}",
        "Monday": _DAYS[moment.weekday()],
        "Mon": _DAYS[moment.weekday()][:3],
        "2": str(moment.day),
        "_2": f"{moment.day:2d}",
        "02": f"{moment.day:02d}",
        "__2": f"{moment.timetuple().tm_yday:3d}",
        "002": f"{moment.timetuple().tm_yday:03d}",
        "15": f"{moment.hour:02d}",
        "3": str((moment.hour + 11) % 12 + 1),
        "03": f"{(moment.hour + 11) % 12 + 1:02d}",
        "4": str(moment.minute),
        "04": f"{moment.minute:02d}",
        "5": str(moment.second),
        "05": f"{moment.second:02d}",
        "2006": f"{moment.year:04d}",
        "06": f"{moment.year % 100:02d}",
        "PM": "PM" if moment.hour >= 12 else "AM",
        "pm": "pm" if moment.hour >= 12 else "am",
        "MST": "UTC",
    }

    def text_of(part: re.Match[str]) -> str:
        text = part[0]
        if text in texts:
            return texts[text]
        if text[0] == "Z":
            return "Z"
        if text[0] == "-":
            return "+" + text[1:].replace("7", "0")
        digits = f"{fraction:09d}"[: len(text) - 1]
        if text[1] == "0":
            return text[0] + digits
        digits = digits.rstrip("0")
        return text[0] + digits if digits else ""

    return _PART.sub(text_of, layout)


def format_span(span: Duration) -> str:
    """A duration as Go's String() writes it: 1h2m3.5s, 1.5ms, 0s."""
    if span.ns == 0:
        return "0s"
    sign, rest = ("-" if span.ns < 0 else ""), abs(span.ns)
    if rest < SECOND_NS:
        unit, size = ("ns", 1) if rest < 1000 else ("µs", 1000) if rest < 10**6 else ("ms", 10**6)
        return f"{sign}{_fraction(rest, size)}{unit}"
    hours, rest = divmod(rest, HOUR_NS)
    minutes, rest = divmod(rest, MINUTE_NS)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return f"{sign}{text}{_fraction(rest, SECOND_NS)}s"


def _fraction(count: int, size: int) -> str:
    whole, rest = divmod(count, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _truncated(count: int, divisor: int) -> int:
    """Division as Go does it: toward zero."""
    return abs(count) // divisor * (1 if count >= 0 else -1)


# The methods without arguments, by name; Format is the one that takes a text.
TIME_METHODS: dict[str, Callable[[Time], Value]] = {
    "Day": lambda time: _parts(time)[0].day,
    "Hour": lambda time: _parts(time)[0].hour,
    "IsZero": lambda time: False,
    "Minute": lambda time: _parts(time)[0].minute,
    "Month": lambda time: _MONTHS[_parts(time)[0].month - 1],
    "Nanosecond": lambda time: time.ns % SECOND_NS,
    "Second": lambda time: _parts(time)[0].second,
    "String": format_time,
    "UTC": lambda time: time,
    "Unix": lambda time: Int64(time.ns // SECOND_NS),
    "UnixMicro": lambda time: Int64(time.ns // 1000),
    "UnixMilli": lambda time: Int64(time.ns // 10**6),
    "UnixNano": lambda time: Int64(time.ns),
    "Weekday": lambda time: _DAYS[_parts(time)[0].weekday()],
    "Year": lambda time: _parts(time)[0].year,
    "YearDay": lambda time: _parts(time)[0].timetuple().tm_yday,
}
DURATION_METHODS: dict[str, Callable[[Duration], Value]] = {
    "Abs": lambda span: Duration(abs(span.ns)),
    "Hours": lambda span: span.ns / HOUR_NS,
    "Microseconds": lambda span: Int64(_truncated(span.ns, 1000)),
    "Milliseconds": lambda span: Int64(_truncated(span.ns, 10**6)),
    "Minutes": lambda span: span.ns / MINUTE_NS,
    "Nanoseconds": lambda span: Int64(span.ns),
    "Seconds": lambda span: span.ns / SECOND_NS,
    "String": format_span,
}
