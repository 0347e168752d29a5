"""Durations such as 1h30m, between their text and integer milliseconds."""

import re

from api.promql.go_format import quote

# Largest unit first; a text names each unit at most once and in this order. Years and weeks are
# written only if they divide the duration.
_UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_UNIT_ORDER = {unit: order for order, unit in enumerate(_UNITS_MS)}
_PART = re.compile(r"([0-9]+)([^0-9]+)")
_NS_PER_MS = 1_000_000
_NS_MAX = (1 << 63) - 1
_UINT64_MAX = (1 << 64) - 1


def parse_duration(text: str) -> int:
    """The milliseconds of a duration text. Raises ValueError with Prometheus' text."""
    if text == "0":
        return 0
    if not text:
        raise ValueError("empty duration string")
    total_ns, last_order, position = 0, -1, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or len(part[1]) > 20 or int(part[1]) > _UINT64_MAX:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        count, unit = int(part[1]), part[2]
        if unit not in _UNITS_MS:
            raise ValueError(f"unknown unit {quote(unit)} in duration {quote(text)}")
        if _UNIT_ORDER[unit] <= last_order:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        last_order = _UNIT_ORDER[unit]
        total_ns += count * _UNITS_MS[unit] * _NS_PER_MS
        if total_ns > _NS_MAX:
            raise ValueError("duration out of range")
        position = part.end()
    return total_ns // _NS_PER_MS


def format_duration(duration_ms: int) -> str:
    """The canonical text of a duration; a negative one has a minus sign in front."""
    if duration_ms == 0:
        return "0s"
    rest_ms = abs(duration_ms)
    parts = ["-"] if duration_ms < 0 else []
    for unit, unit_ms in _UNITS_MS.items():
        if unit in "yw" and rest_ms % unit_ms != 0:
            continue
        count, rest_ms = divmod(rest_ms, unit_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
