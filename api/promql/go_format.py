"""Numbers and texts as Go writes them, for error and annotation texts and for label values.

Go's shortest float digits are those of Python's repr; only the rules for when an exponent is used
differ. Texts that are not UTF-8 are held with surrogate escapes, one per stray byte.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

_DIGITS = r"[0-9](?:_?[0-9])*"
_HEX_DIGITS = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_DECIMAL = re.compile(
    rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?\Z"
)
_HEXADECIMAL = re.compile(
    rf"[+-]?0[xX](?:_?{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}\Z"
)
_SPECIAL = re.compile(r"(?i:[+-]?inf(?:inity)?|nan)\Z")
_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_PLAIN_TEXT = re.compile(r"[ !#-\[\]-~]*\Z")
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def format_g(value: float) -> str:
    """%g: the shortest digits, with an exponent below 1e-4 and from 1e+06 on, however many digits
    there are."""
    if not math.isfinite(value) or value == 0:
        return _format_special(value)
    sign, digits, exponent = _decompose(value)
    power = len(digits) + exponent - 1
    if -4 <= power < 6:
        return format_f(value)
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def format_g2(value: float) -> str:
    """%.2g: two significant digits."""
    return f"{value:.2g}" if math.isfinite(value) else _format_special(value)


def format_f(value: float) -> str:
    """The shortest digits, never with an exponent."""
    if not math.isfinite(value) or value == 0:
        return _format_special(value)
    sign, digits, exponent = _decompose(value)
    if exponent >= 0:
        return sign + digits + "0" * exponent
    point = len(digits) + exponent
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[:point]}.{digits[point:]}"


def format_e(value: float) -> str:
    """%e with the shortest digits: always with an exponent."""
    if not math.isfinite(value):
        return _format_special(value)
    if value == 0:
        return _format_special(value) + "e+00"
    sign, digits, exponent = _decompose(value)
    power = len(digits) + exponent - 1
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def format_open_metrics(value: float) -> str:
    """The OpenMetrics form: as format_g, but with ".0" where nothing else marks a float."""
    text = format_g(value)
    return text if not math.isfinite(value) or "." in text or "e" in text else text + ".0"


def parse_float(text: str) -> float | None:
    """The number Go reads from `text`, or None where Go reports an error (out of range too)."""
    if _SPECIAL.match(text):
        return float(text)
    if _DECIMAL.match(text):
        value = float(text)
    elif _HEXADECIMAL.match(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    else:
        return None
    return value if math.isfinite(value) else None


def quote(text: str) -> str:
    """%q: in double quotes; control characters, invalid bytes and the unprintable are escaped."""
    body = text if _PLAIN_TEXT.match(text) else "".join(map(_escape, text))
    return f'"{body}"'


def format_labels(labels: Mapping[str, str]) -> str:
    """A label set as error texts show it; `labels` has to be sorted by name."""
    pairs = (f"{_format_name(name)}={quote(value)}" for name, value in labels.items())
    return "{" + ", ".join(pairs) + "}"


def _format_name(name: str) -> str:
    return name if _PLAIN_NAME.match(name) else quote(name)


def _escape(char: str) -> str:
    code = ord(char)
    if char in _ESCAPES:
        return _ESCAPES[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _format_special(value: float) -> str:
    """Zeros, infinities and NaN."""
    if math.isnan(value):
        return "NaN"
    sign = "-" if math.copysign(1, value) < 0 else ""
    return sign + "0" if value == 0 else (sign or "+") + "Inf"


def _decompose(value: float) -> tuple[str, str, int]:
    """(sign, significant digits, power of ten of the last digit) of a finite number but 0."""
    parts = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(parts.exponent, int), f"BUG: {value} has no exponent"
    return "-" if parts.sign else "", "".join(map(str, parts.digits)), parts.exponent
