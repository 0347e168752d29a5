"""The kinds of setting values: from the text of a flag or the value in a YAML file, and back.

Durations are Prometheus': 1h30m, units from y to ms in that order, and 0. Sizes are numbers of
bytes with an optional unit: KB, MB, GB, TB count by 1000, KiB, MiB, GiB, TiB by 1024.
"""

import re
from collections.abc import Callable
from typing import Any

DURATION_UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
SIZE_UNITS = {"B": 1}
SIZE_UNITS |= {f"{letter}iB": 1024 ** (i + 1) for i, letter in enumerate("KMGT")}
SIZE_UNITS |= {f"{letter}B": 1000 ** (i + 1) for i, letter in enumerate("KMGT")}
NUMBER_MAX = (1 << 63) - 1

_DURATION = re.compile("".join(f"(?:([0-9]+){unit})?" for unit in DURATION_UNITS_MS))
_SIZE = re.compile(r"([0-9]+) ?([KMGT]?i?B)?")
_FLAGS = {"true": True, "false": False}


def parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def parse_integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    raise ValueError("a whole number")


def parse_bytes(value: object) -> int:
    """A size in bytes."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _SIZE.fullmatch(text) if isinstance(text, str) and len(text) <= 30 else None
    if match is None or (match[2] or "B") not in SIZE_UNITS:
        raise ValueError("a size such as 64MiB, 1GB or 4096")
    return int(match[1]) * SIZE_UNITS[match[2] or "B"]


def parse_duration(value: object) -> int:
    """A duration in milliseconds."""
    if value in (0, "0") and not isinstance(value, bool):
        return 0
    match = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 100 else None
    if not value or match is None:
        raise ValueError("a duration such as 15d, 1h30m, 500ms or 0")
    counts = zip(match.groups(), DURATION_UNITS_MS.values(), strict=True)
    return sum(int(count) * unit for count, unit in counts if count)


def parse_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _FLAGS:
        return _FLAGS[value]
    raise ValueError("true or false")


def parse_list(value: object) -> tuple[str, ...]:
    """Texts: a list, or one text with commas between them."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("a list of texts")


PARSERS: dict[str, Callable[[object], Any]] = {
    "text": parse_text,
    "integer": parse_integer,
    "bytes": parse_bytes,
    "duration": parse_duration,
    "flag": parse_flag,
    "list": parse_list,
}


def parse_value(kind: str, value: object, allowed: tuple[Any, ...] | None) -> Any:
    """The value of a setting. Raises ValueError, whose text is what is allowed."""
    parsed = PARSERS[kind](value)
    if isinstance(parsed, str) and allowed is not None and parsed not in allowed:
        raise ValueError("one of " + ", ".join(allowed))
    if isinstance(parsed, int) and not isinstance(parsed, bool):
        least, most = allowed or (0, NUMBER_MAX)
        if not least <= parsed <= most:
            raise ValueError(f"{render(kind, least)} to {render(kind, most)}")
    return parsed


def render(kind: str, value: Any) -> str:
    """The text of a value, as one would write it in a flag."""
    if kind == "duration":
        return with_unit(value, DURATION_UNITS_MS)
    if kind == "bytes":
        return with_unit(value, {unit: size for unit, size in SIZE_UNITS.items() if "i" in unit})
    if kind == "flag":
        return "true" if value else "false"
    return ",".join(value) if kind == "list" else str(value)


def with_unit(value: int, units: dict[str, int]) -> str:
    """The number in the largest unit that divides it."""
    for unit, size in sorted(units.items(), key=lambda pair: -pair[1]):
        # Years and weeks are exact, but no one reads 15d as 2w1d or 365d as 1y.
        if value and value % size == 0 and unit not in ("y", "w"):
            return f"{value // size}{unit}"
    return str(value)
