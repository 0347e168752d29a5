"""Number, character and string constants of templates, by Go's rules."""

import re

from api.promql.go_format import parse_float, quote
from api.promql.syntax.literals import unquote
from rules.templates.nodes import Number

_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1
_DECIMAL = re.compile(r"[1-9](?:_?[0-9])*\Z|0\Z")
_BASED = re.compile(r"0(?:[xX](?:_?[0-9a-fA-F])+|[oO](?:_?[0-7])+|[bB](?:_?[01])+|(?:_?[0-7])+)\Z")
_BASES = {"x": 16, "o": 8, "b": 2}
_MARKS_OF_REALS = ".eEpP"
_DIGITS_MAX = 400
_ESCAPES = re.compile(
    r"(?:[^\\\n]|\\(?:[abfnrtv\\\"]|[0-3][0-7]{2}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}"
    r"|U00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4}))*\Z"
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]")


def parse_number(text: str, position: int) -> Number:
    """Raises ValueError with Go's text. Imaginary numbers are refused: nothing here takes them."""
    integer = _parse_integer(text) if len(text) <= _DIGITS_MAX else None
    looks_real = any(mark in text for mark in _MARKS_OF_REALS) and not _is_based(text)
    if integer is not None and _INT64_MIN <= integer <= _UINT64_MAX:
        return Number(position, text, integer, float(integer), looks_real)
    real = parse_float(text)
    if real is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    if not any(mark in text for mark in _MARKS_OF_REALS):
        raise ValueError(f"integer overflow: {quote(text)}")
    whole = int(real) if real.is_integer() and _INT64_MIN <= real <= _INT64_MAX else None
    return Number(position, text, whole, real, True)


def _is_based(text: str) -> bool:
    bare = text.lstrip("+-").lower()
    return bare.startswith("0x") and "p" not in bare


def _parse_integer(text: str) -> int | None:
    bare = text[1:] if text[:1] in ("+", "-") else text
    sign = -1 if text[:1] == "-" else 1
    if _DECIMAL.match(bare):
        return sign * int(bare)
    if not _BASED.match(bare):
        return None
    base = _BASES.get(bare[1:2].lower(), 0)
    digits = bare[2:] if base else bare[1:]
    return sign * int(digits.replace("_", ""), base or 8)


def parse_character(text: str, position: int) -> Number:
    """A character constant, such as 'a'. Raises ValueError with Go's text."""
    body = text[1:-1]
    if body == "\\'":
        return Number(position, text, ord("'"), float(ord("'")), False)
    if not body or "\\'" in body or not _ESCAPES.match(body) or _SURROGATE.search(body):
        raise ValueError("invalid syntax")
    char = unquote(f'"{body}"')
    if len(char) != 1:
        raise ValueError(f"malformed character constant: {text}")
    code = ord(char)
    if "\udc80" <= char <= "\udcff":  # a byte written by its number
        code -= 0xDC00
    return Number(position, text, code, float(code), False)


def parse_string(text: str) -> str:
    """The text of a quoted string. Raises ValueError with Go's text."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    if not _ESCAPES.match(text[1:-1]) or _SURROGATE.search(text):
        raise ValueError("invalid syntax")
    return unquote(text)
