"""The values of number and string literals: Go's rules, not Python's.

Text is str; bytes that are not UTF-8 are kept as surrogate escapes (U+DC80 to U+DCFF).
"""

from __future__ import annotations

import re

from api.promql.go_format import parse_float, quote

_DECIMAL_INT = re.compile(r"[1-9](?:_?[0-9])*\Z")
_OCTAL_INT = re.compile(r"0(?:_?[0-7])*\Z")
_HEX_INT = re.compile(r"0[xX](?:_?[0-9A-Fa-f])+\Z")
_DIGITS = r"[0-9](?:_?[0-9])*"
_DECIMAL = re.compile(rf"(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?\Z")
_INT64_MAX = (1 << 63) - 1
# Longer integers are certainly above _INT64_MAX; int() would take quadratic time for them.
_INT64_CHARS_MAX = 64

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))"
)
_CHARS = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


def parse_number(text: str) -> float:
    """A number literal: an integer (0 and 0x prefixes mean octal and hexadecimal), else a float.

    Raises ValueError with Go's text.
    """
    integer = _parse_integer(text) if len(text) <= _INT64_CHARS_MAX else None
    if integer is not None and integer <= _INT64_MAX:
        return float(integer)
    value = parse_float(text)
    if value is None:
        reason = "value out of range" if _DECIMAL.match(text) else "invalid syntax"
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: {reason}")
    return value


def _parse_integer(text: str) -> int | None:
    digits = text.replace("_", "")
    if _DECIMAL_INT.match(text):
        return int(digits)
    if _OCTAL_INT.match(text):
        return int(digits, 8)
    return int(digits, 16) if _HEX_INT.match(text) else None


def unquote(literal: str) -> str:
    """The text of a string literal, which has its quotes and valid escapes only."""
    body = literal[1:-1]
    if literal[0] == "`" or "\\" not in body:
        return body
    text = _ESCAPE.sub(_unescape, body)
    if text.isascii():
        return text
    # Bytes written one by one, such as "\xe2\x82\xac", may form a character together.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[str]) -> str:
    char, octal, byte, short, long = match.groups()
    if char is not None:
        return _CHARS[char]
    if octal is None and byte is None:
        return chr(int(short or long, 16))
    value = int(octal, 8) if octal is not None else int(byte, 16)
    return chr(value) if value < 0x80 else chr(0xDC00 + value)


def is_label_name(name: str) -> bool:
    """Whether Prometheus takes `name` for a label: any UTF-8 text that is not empty."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False
