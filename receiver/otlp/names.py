"""Names of OpenTelemetry as names of Prometheus: metrics, labels and units.

The rules are those of the OpenTelemetry specification on compatibility with Prometheus, in the four
ways in which Prometheus offers them (setting otlp.translation-strategy): whether characters other
than letters, digits and underscores are replaced, and whether metric names get the unit and the
type as suffixes.
"""

import re
from dataclasses import dataclass

UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
PER_UNITS = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
# Underscores separate the words of a name; a colon belongs to a word.
_NO_WORD = re.compile(r"[^a-zA-Z0-9:]+")
_NO_METRIC_CHARACTER = re.compile(r"[^a-zA-Z0-9:_]+")
_NO_LABEL_CHARACTER = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Strategy:
    """escapes: characters are replaced; suffixes: metric names state unit and type."""

    escapes: bool
    suffixes: bool


STRATEGIES = {
    "UnderscoreEscapingWithSuffixes": Strategy(True, True),
    "UnderscoreEscapingWithoutSuffixes": Strategy(True, False),
    "NoUTF8EscapingWithSuffixes": Strategy(False, True),
    "NoTranslation": Strategy(False, False),
}


def metric_name(strategy: Strategy, name: str, unit: str, type_suffix: str) -> str:
    """The name of a metric; "" if nothing is left of it.

    type_suffix: "total" for a counter, "ratio" for a gauge of unit 1, else "".
    """
    if strategy.escapes and strategy.suffixes:
        return escaped_with_suffixes(name, unit, type_suffix)
    if strategy.escapes:
        words = filter(None, _NO_METRIC_CHARACTER.split(name))
        escaped = not_led_by_digit("_".join(words))
        return escaped if escaped == name or escaped.strip("_") else ""
    return with_suffixes(name, unit, type_suffix) if strategy.suffixes else name


def escaped_with_suffixes(name: str, unit: str, type_suffix: str) -> str:
    """The words of the name, then those of the unit that it does not have yet, then the type."""
    words = [word for word in _NO_WORD.split(name) if word]
    main, per = escaped_units(unit)
    # Where a unit ends in an escaped character, its underscore stays, but not before a divisor.
    main = "" if main in words else main
    per = "" if per == "per_" else per.removesuffix("_")
    per = "" if per in words else per
    words += filter(None, (main.removesuffix("_") if per else main, per))
    if type_suffix:
        words = [word for word in words if word != type_suffix] + [type_suffix]
    return not_led_by_digit("_".join(words))


def with_suffixes(name: str, unit: str, type_suffix: str) -> str:
    """The name as it is, with suffixes that it does not end with."""
    main, per = unit_suffixes(unit)
    name = without_suffix(name, type_suffix)
    name = without_suffix(name, per)
    if main and not name.endswith(main):
        name += f"_{main}"
    return name + "".join(f"_{suffix}" for suffix in (per, type_suffix) if suffix)


def without_suffix(name: str, suffix: str) -> str:
    """The name without a suffix and the one character that separates it."""
    separated = suffix and name.endswith(suffix) and len(name) > len(suffix) + 1
    return name[: -len(suffix) - 1] if separated else name


def unit_name(unit: str) -> str:
    """A unit in Prometheus' words, such as bytes_per_second."""
    name = "_".join(filter(None, escaped_units(unit)))
    return name.removeprefix("_").removesuffix("_")


def escaped_units(unit: str) -> tuple[str, str]:
    """The suffixes of a unit, with underscores for what is no letter, digit or colon."""
    main, per = (_NO_WORD.sub("_", suffix).removeprefix("_") for suffix in unit_suffixes(unit))
    return main, per


def unit_suffixes(unit: str) -> tuple[str, str]:
    """The suffixes of a unit such as By/s: of itself, and with per_ of what it is divided by.
    What stands in braces is a comment."""
    main, _, per = (part.strip() for part in unit.partition("/"))
    main = "" if "{" in main or "}" in main else UNITS.get(main, main)
    per = "" if "{" in per or "}" in per else PER_UNITS.get(per, per)
    return main, f"per_{per}" if per else ""


def not_led_by_digit(name: str) -> str:
    return f"_{name}" if name[:1].isdigit() else name


def label_name(strategy: Strategy, name: str) -> str:
    """The name of a label; "" if it cannot be one."""
    if not strategy.escapes:
        return name
    escaped = _NO_LABEL_CHARACTER.sub("_", name)
    if escaped[:1].isdigit():
        return f"key_{escaped}"
    if escaped.startswith("_") and not escaped.startswith("__"):
        return f"key{escaped}"
    return escaped if escaped.strip("_") else ""
