"""What plain scalars of YAML are, by the rules of the library that Prometheus uses."""

import re

from api.promql.go_format import parse_float

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "!!null"),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), "!!bool"),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "!!float"),
    **{f"{sign}{word}": "!!float" for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    "<<": "!!merge",
}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_DECIMAL = re.compile(r"[-+]?(?:[1-9][0-9]*|0)\Z")
_BASED = re.compile(r"([-+]?)0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+|[0-7]+)\Z")
_BASES = {"x": 16, "o": 8, "b": 2}
_TIMESTAMP = re.compile(
    r"[0-9]{4}-(?:[0-9]{2}-[0-9]{2}|[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ ])[0-9]{1,2}:[0-9]{1,2}"
    r":[0-9]{1,2}(?:\.[0-9]*)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)\Z"
)
_DIGITS_MAX = 100
_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1


def tag_of(value: str) -> str:
    """The tag of a plain scalar."""
    if value in _WORDS:
        return _WORDS[value]
    if value[0] not in "+-.0123456789":
        return "!!str"
    if _TIMESTAMP.match(value):
        return "!!timestamp"
    if integer_of(value) is not None:
        return "!!int"
    return "!!float" if _FLOAT.match(value.replace("_", "")) else "!!str"


def integer_of(value: str) -> int | None:
    """The integer that a scalar is, in any base; None if it is none of 64 bits."""
    plain = value.replace("_", "")
    if len(plain) > _DIGITS_MAX:
        return None
    number = None
    if _DECIMAL.match(plain):
        number = int(plain)
    elif found := _BASED.match(plain):
        sign, digits = found.groups()
        base = _BASES.get(digits[0].lower())
        number = int(digits[1:], base) if base else int(digits, 8)
        number = -number if sign == "-" else number
    if number is None or not _INT64_MIN <= number <= _UINT64_MAX:
        return None
    return number


def real_of(value: str) -> float | None:
    """The number that a scalar is; None if it is none."""
    tag = tag_of(value)
    if tag not in ("!!int", "!!float"):
        return None
    integer = integer_of(value)
    return float(integer) if integer is not None else parse_float(value.replace(".inf", "inf"))
