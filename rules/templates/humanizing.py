"""Numbers as people read them: Prometheus' humanize functions."""

import math
from collections.abc import Sequence
from typing import Final

from api.promql.go_format import format_g, parse_float, quote
from rules.errors import FunctionError
from rules.templates.printing import plain
from rules.templates.times import SECOND_NS
from rules.templates.values import Duration, Time, Value, type_name

_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_INT64_BOUND = float(1 << 63)


def number_of(value: Value) -> float:
    """A number, or what a text says in Go's way. Raises FunctionError."""
    match value:
        case bool():
            pass
        case int() | float():
            return float(value)
        case Duration(is_pointer=False):
            return value.ns / SECOND_NS
        case str() if type(value) is str:
            number = parse_float(value)
            if number is None:
                why = "value out of range" if _is_too_large(value) else "invalid syntax"
                raise FunctionError(f"strconv.ParseFloat: parsing {quote(value)}: {why}")
            return number
    raise FunctionError(f"can't convert {type_name(value)} to float")


def _is_too_large(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def four_digits(number: float) -> str:
    """%.4g"""
    return f"{number:.4g}" if math.isfinite(number) else format_g(number)


def _scaled(number: float, prefixes: Sequence[str], base: float) -> tuple[float, str]:
    """Divided by the base while it is not below it; the last prefix that was used."""
    used = ""
    for prefix in prefixes:
        if abs(number) < base:
            break
        used, number = prefix, number / base
    return number, used


def _magnified(number: float) -> tuple[float, str]:
    used = ""
    for prefix in _SMALL:
        if abs(number) >= 1:
            break
        used, number = prefix, number * 1000
    return number, used


def humanize(value: Value) -> str:
    number = number_of(value)
    if number == 0 or not math.isfinite(number):
        return four_digits(number)
    scaled = _scaled(number, _LARGE, 1000) if abs(number) >= 1 else _magnified(number)
    return four_digits(scaled[0]) + scaled[1]


def humanize_1024(value: Value) -> str:
    number = number_of(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return four_digits(number)
    scaled, prefix = _scaled(number, _BINARY, 1024)
    return four_digits(scaled) + prefix


def humanize_duration(value: Value) -> str:
    number = number_of(value)
    if not math.isfinite(number):
        return four_digits(number)
    if number == 0:
        return four_digits(number) + "s"
    if abs(number) < 1:
        scaled, prefix = _magnified(number)
        return f"{four_digits(scaled)}{prefix}s"
    sign, size = ("-" if number < 0 else ""), abs(number)
    whole = int(size) if size < _INT64_BOUND else -(1 << 63)
    if abs(whole) < 60:
        return f"{sign}{four_digits(size)}s"
    return sign + _clock(whole)


def _clock(whole: int) -> str:
    """Days, hours, minutes and seconds, from the largest that is not zero."""
    minus = -1 if whole < 0 else 1
    minutes, seconds = divmod(abs(whole), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next(i for i, (count, _) in enumerate(units) if count or i == 3)
    return " ".join(f"{minus * count}{unit}" for count, unit in units[first:])


def humanize_percentage(value: Value) -> str:
    return four_digits(number_of(value) * 100) + "%"


def humanize_timestamp(value: Value) -> str:
    number = number_of(value)
    if not math.isfinite(number):
        return four_digits(number)
    return plain(time_of(number))


def time_of(value: Value) -> Time:
    """Seconds since the epoch, with milliseconds. Raises FunctionError."""
    number = number_of(value)
    if not math.isfinite(number):
        raise FunctionError("value is NaN or Inf")
    ns = number * 1e9
    if abs(ns) > _INT64_BOUND:
        raise FunctionError(
            f"{format_g(number)} cannot be represented as a nanoseconds timestamp "
            "since it overflows int64"
        )
    whole = min(int(ns), (1 << 63) - 1)
    # Toward zero, as Go divides.
    milliseconds = abs(whole) // 1_000_000
    return Time(milliseconds * 1_000_000 * (1 if whole >= 0 else -1))


def duration_of(value: Value) -> Duration:
    """Seconds as a duration. Raises FunctionError."""
    number = number_of(value)
    if not math.isfinite(number):
        raise FunctionError("value is NaN or Inf")
    ns = number * 1e9
    if abs(ns) > _INT64_BOUND:
        raise FunctionError(
            f"{format_g(number)} cannot be represented as a duration since it overflows int64"
        )
    return Duration(min(int(ns), (1 << 63) - 1), is_pointer=True)
