"""Times and durations as the HTTP API writes them, read the way Go reads them.

A time is float seconds or RFC 3339; a duration is float seconds or a Prometheus duration such as
`1h30m`. Inside they are integers: milliseconds for times, nanoseconds for durations, because a step
is checked against the limits before it is rounded.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from api.promql.go_format import parse_float, quote
from api.promql.syntax.durations import parse_duration
from storage.options import DAY_MS, MINUTE_MS

# The outermost times of Prometheus' API; a lookback or an offset fits between them and int64.
MIN_TIME_MS: Final = -9_223_309_901_257_974_000
MAX_TIME_MS: Final = 9_223_309_901_257_974_999
TIMES_KEPT_MAX = 256
TIME_CHARS_KEPT_MAX = 64
_BOUNDARY_TIMES = {
    "-292273086-05-16T16:47:06Z": MIN_TIME_MS,
    "292277025-08-18T07:12:54.999999999Z": MAX_TIME_MS,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)

SECOND_NS: Final = 1_000_000_000
MS_NS: Final = 1_000_000
# As in Thanos.
AUTO: Final = "auto"
AUTO_STEP_PARTS: Final = 5
_INT64_BOUND = 1 << 63
_INT64_DIGITS = 19
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DAYS_OF_400_YEARS = 146_097


def parse_time_ms(text: str) -> int:
    """Raises ValueError. Times beyond Prometheus' own bounds become those bounds, and NaN, which it
    takes for some time long ago, becomes the first of them."""
    return _parse_time(text) if len(text) > TIME_CHARS_KEPT_MAX else _parse_kept(text)


def _parse_time(text: str) -> int:
    seconds = parse_float(text)
    if seconds is not None:
        return MIN_TIME_MS if math.isnan(seconds) else _clamp(seconds)
    if text in _BOUNDARY_TIMES:
        return _BOUNDARY_TIMES[text]
    time_ms = _parse_rfc3339(text)
    if time_ms is None:
        raise ValueError(f"cannot parse {quote(text)} to a valid timestamp")
    return time_ms


# All panels of a dashboard ask for the same times.
_parse_kept = lru_cache(TIMES_KEPT_MAX)(_parse_time)


def _clamp(seconds: float) -> int:
    """Milliseconds of float seconds, rounded half away from zero."""
    if abs(seconds) >= MAX_TIME_MS / 1000:
        return MAX_TIME_MS if seconds > 0 else MIN_TIME_MS
    fraction, whole = math.modf(seconds)
    milliseconds = math.floor(abs(fraction) * 1000 + 0.5)
    return int(whole) * 1000 + (milliseconds if fraction >= 0 else -milliseconds)


def _parse_rfc3339(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    *fields, fraction, sign, hours, minutes = match.groups()
    offset_minutes = int(hours or 0) * 60 + int(minutes or 0)
    if int(hours or 0) > 24 or int(minutes or 0) > 60:  # Go's bounds
        return None
    year, *rest = map(int, fields)
    # Python has no year 0; 400 years on, the calendar is the same.
    shifted_days = 0 if year else _DAYS_OF_400_YEARS
    try:
        time = datetime(year or 400, *rest, tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    milliseconds = int((fraction or "0")[:3].ljust(3, "0"))
    milliseconds += (time - _EPOCH) // timedelta(milliseconds=1) - shifted_days * DAY_MS
    offset_ms = offset_minutes * MINUTE_MS
    return milliseconds + (offset_ms if sign == "-" else -offset_ms)


def parse_duration_ns(text: str) -> int:
    """Raises ValueError. May be negative, as float seconds may."""
    seconds = parse_float(text)
    if seconds is not None:
        return _nanoseconds(seconds, text)
    try:
        return parse_duration(text) * MS_NS
    except ValueError:
        raise ValueError(f"cannot parse {quote(text)} to a valid duration") from None


def parse_resolution_ms(text: str, step_ms: int) -> int:
    """The coarsest resolution that a request allows: a duration, or `auto`, which is a fifth of the
    step. Raises ValueError."""
    if text == AUTO:
        return step_ms // AUTO_STEP_PARTS
    resolution_ns = parse_duration_ns(text)
    if resolution_ns < 0:
        raise ValueError(f"got {quote(text)}; it must not be negative")
    return resolution_ns // MS_NS


def _nanoseconds(seconds: float, text: str) -> int:
    """Where a float is no int64 but not above its bounds either, it becomes the lowest one, as on
    amd64: NaN, and the float that is next to the highest."""
    nanoseconds = seconds * SECOND_NS
    if abs(nanoseconds) > _INT64_BOUND:
        raise ValueError(f"cannot parse {quote(text)} to a valid duration. It overflows int64")
    if math.isnan(nanoseconds) or nanoseconds == _INT64_BOUND:
        return -_INT64_BOUND
    return int(nanoseconds)


def parse_integer(text: str) -> int:
    """An int64 as Go's strconv.Atoi reads it. Raises ValueError with its text."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"strconv.Atoi: parsing {quote(text)}: invalid syntax")
    digits = text.lstrip("+-").lstrip("0")
    # Python refuses to read very many digits.
    value = int(digits or "0") if len(digits) <= _INT64_DIGITS else _INT64_BOUND + 1
    value = -value if text.startswith("-") else value
    if not -_INT64_BOUND <= value < _INT64_BOUND:
        raise ValueError(f"strconv.Atoi: parsing {quote(text)}: value out of range")
    return value


def seconds_of(ms: int | None) -> float | None:
    """A time or duration as answers state it; None if it is not known."""
    return None if ms is None else ms / 1000


def rfc3339(ms: int) -> str:
    """A time as RFC 3339 in UTC, with milliseconds where there are any; Go's zero time for 0."""
    if ms == 0:
        return "0001-01-01T00:00:00Z"
    text = (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms % 1000:03d}Z" if ms % 1000 else f"{text}Z"


def rfc3339_of_ns(ns: int | None) -> str:
    """A time as RFC 3339 in UTC, with as many digits as it needs; Go's zero time for None."""
    if ns is None:
        return "0001-01-01T00:00:00Z"
    seconds, rest = divmod(ns, SECOND_NS)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"
