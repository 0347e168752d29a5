"""One value by one verb of printf: %v %d %5.2f %q %x ... as Go's fmt writes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from api.promql.go_format import format_f, format_g, quote
from rules.templates.printing import (
    ADDRESS,
    NIL,
    go_syntax,
    plain,
    plain_operand,
    sorted_keys,
)
from rules.templates.values import (
    AnyMap,
    Data,
    Duration,
    QueryResult,
    Sample,
    StringMap,
    Time,
    Value,
    as_bytes,
    type_name,
)

_BASES = {"b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


@dataclass(slots=True)
class Flags:
    """What stands between % and the verb."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int = 0
    precision: int | None = None
    named: bool = False  # %+v: fields with their names

    def take(self, char: str) -> bool:
        """Whether a character is a flag; it is set then."""
        match char:
            case "+":
                self.plus = True
            case "-":
                self.minus, self.zero = True, False
            case "#":
                self.sharp = True
            case " ":
                self.space = True
            case "0":
                self.zero = not self.minus
            case _:
                return False
        return True


def format_value(value: Value, verb: str, flags: Flags) -> str:
    """The text of a value; of a verb that it does not have, %!verb(type=value)."""
    if value is None:
        return _padded(NIL, flags) if verb in "vT" else f"%!{verb}({NIL})"
    if verb == "T":
        return _padded(type_name(value), flags)
    if verb == "v" and flags.sharp:
        return _padded(go_syntax(value), flags)
    if verb == "v" and flags.plus:
        flags = replace(flags, plus=False, named=True)
    text = _by_type(value, verb, flags)
    return f"%!{verb}({type_name(value)}={plain_operand(value)})" if text is None else text


def _by_type(value: Value, verb: str, flags: Flags) -> str | None:
    """None if values of this type have no such verb."""
    match value:
        case bool():
            return _padded(plain(value), flags) if verb in "tv" else None
        case str():
            return _text(value, verb, flags)
        case int():
            return _integer(int(value), verb, flags)
        case float():
            return _real(value, verb, flags)
        case Time() | Duration():
            if verb in "vsxXq":
                return _text(plain(value), verb, flags)
            return _integer(value.ns, verb, flags) if isinstance(value, Duration) else None
    return _compound(value, verb, flags)


def _compound(value: Value, verb: str, flags: Flags) -> str:
    """Lists, maps and structs: the verb goes to what they hold."""
    match value:
        case StringMap() | AnyMap():
            pairs = (
                f"{format_value(key, verb, flags)}:{format_value(value[key], verb, flags)}"
                for key in sorted_keys(value)
            )
            return f"map[{' '.join(pairs)}]"
        case QueryResult():
            return f"[{' '.join(ADDRESS for _ in value)}]"
        case Sample():
            labels = _compound(value.labels, verb, flags)
            number = format_value(value.value, verb, flags)
            if flags.named:
                return f"&{{Labels:{labels} Value:{number}}}"
            return f"&{{{labels} {number}}}"
        case Data():
            fields = (value.labels, value.external_labels, value.external_url, value.value)
            return f"{{{' '.join(format_value(one, verb, flags) for one in fields)}}}"
    raise AssertionError(f"BUG: no value of a template: {type(value)}")


def _text(value: str, verb: str, flags: Flags) -> str | None:
    match verb:
        case "v" | "s":
            return _padded(_cut(value, flags), flags)
        case "q":
            shown = _cut(value, flags)
            raw = flags.sharp and "`" not in shown and shown.isprintable()
            return _padded(f"`{shown}`" if raw else _quoted(shown, flags), flags)
        case "x" | "X":
            return _padded(_hexadecimal(value, verb, flags), flags)
    return None


def _quoted(text: str, flags: Flags) -> str:
    """%q; with + nothing but ASCII."""
    quoted = quote(text)
    if not flags.plus or quoted.isascii():
        return quoted
    return "".join(char if char.isascii() else _escaped(ord(char)) for char in quoted)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cut(value: str, flags: Flags) -> str:
    return value if flags.precision is None else value[: flags.precision]


def _hexadecimal(value: str, verb: str, flags: Flags) -> str:
    data = as_bytes(value)
    data = data if flags.precision is None else data[: flags.precision]
    pairs = [f"{byte:02x}" for byte in data]
    prefix = "0x" if flags.sharp else ""
    if flags.space:
        text = " ".join(f"{prefix}{pair}" for pair in pairs)
    else:
        text = (prefix if pairs else "") + "".join(pairs)
    return text.upper() if verb == "X" else text


def _integer(value: int, verb: str, flags: Flags) -> str | None:
    if verb == "v" or verb == "d":
        return _number(value, str(abs(value)), flags)
    if verb in _BASES:
        digits = format(abs(value), _BASES[verb])
        prefix = "0o" if verb == "O" else _PREFIXES[verb] if flags.sharp else ""
        return _number(value, digits, flags, prefix)
    if verb in "cqU":
        return _rune(value, verb, flags)
    return None


def _number(value: int, digits: str, flags: Flags, prefix: str = "") -> str:
    sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
    if flags.precision is not None:
        if flags.precision == 0 and value == 0:
            return " " * flags.width
        digits = digits.rjust(flags.precision, "0")
    elif flags.zero and flags.width:
        digits = digits.rjust(flags.width - len(sign), "0")
    if prefix == "0" and digits.startswith("0"):
        prefix = ""
    return _aligned(f"{sign}{prefix}{digits}", flags)


def _rune(value: int, verb: str, flags: Flags) -> str:
    is_char = 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF
    char = chr(value) if is_char else "\ufffd"
    if verb == "c":
        return _padded(char, flags)
    if verb == "q":
        body = "'" if char == '"' else quote(char)[1:-1]
        body = '"' if char == '"' else "\\'" if char == "'" else body
        return _padded(f"'{body}'", flags)
    shown = f" '{char}'" if flags.sharp and is_char and char.isprintable() else ""
    digits = max(flags.precision or 0, 4)
    return _aligned(f"U+{value & 0xFFFFFFFFFFFFFFFF:0{digits}X}{shown}", flags)


def _exponent(value: float, precision: int | None) -> str:
    """%e: with the shortest digits, or so many behind the point."""
    if precision is None:
        precision = _digits_of(value) - 1
    return f"{value:.{precision}e}"


def _digits_of(value: float) -> int:
    """How many digits the shortest text of a number has."""
    return len(f"{value!r}".partition("e")[0].replace(".", "").strip("-0")) or 1


def _general(value: float, precision: int | None) -> str:
    if precision is None:
        return format_g(value)
    return f"{value:.{precision}g}"


def _fixed(value: float, precision: int | None) -> str:
    return format_f(value) if precision is None else f"{value:.{precision}f}"


def _hex_float(value: float, precision: int | None) -> str:
    mantissa, exponent = math.frexp(abs(value))
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        digits, power = "", 0
    else:
        power = exponent - 1
        fraction = int(mantissa * (1 << 53)) - (1 << 52)
        if precision is not None and precision < 13:
            unit = 1 << (52 - 4 * precision)
            total = (1 << 52) + fraction
            half, rest = unit // 2, total % unit
            total += unit - rest if rest > half or (rest == half and total // unit % 2) else -rest
            if total >= 1 << 53:
                total, power = total >> 1, power + 1
            fraction = total - (1 << 52)
        digits = f"{fraction:013x}"
    digits = digits.rstrip("0") if precision is None else digits[:precision].ljust(precision, "0")
    point = f".{digits}" if digits else ""
    return f"{sign}0x{0 if value == 0 else 1}{point}p{'-' if power < 0 else '+'}{abs(power):02d}"


def _binary_float(value: float, _: int | None) -> str:
    mantissa, exponent = math.frexp(abs(value))
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return f"{sign}0p-1074"
    power = max(exponent - 53, -1074)
    return f"{sign}{int(math.ldexp(mantissa, exponent - power))}p{power:+d}"


# The verb's writer, and the precision that stands for none.
_REALS: dict[str, tuple[Callable[[float, int | None], str], int | None]] = {
    "v": (_general, None),
    "g": (_general, None),
    "G": (_general, None),
    "e": (_exponent, 6),
    "E": (_exponent, 6),
    "f": (_fixed, 6),
    "F": (_fixed, 6),
    "x": (_hex_float, None),
    "X": (_hex_float, None),
    "b": (_binary_float, None),
}


def _real(value: float, verb: str, flags: Flags) -> str | None:
    if verb not in _REALS:
        return None
    write, precision = _REALS[verb]
    is_finite = math.isfinite(value)
    if is_finite:
        chosen = precision if flags.precision is None else flags.precision
        text = write(value, chosen)
        text = text.upper() if verb in "GEX" else text
        if flags.sharp and verb in "vgGeEfF":
            text = _with_zeros(text, verb, chosen)
    else:
        text = format_g(value)
    return _signed(text, value, flags, is_finite)


def _with_zeros(text: str, verb: str, precision: int | None) -> str:
    """What # adds: a point always, and with %g all digits."""
    mark = "E" if verb.isupper() else "e"
    mantissa, exponent_mark, exponent = text.partition(mark)
    wanted = 0
    if verb in "vgG":
        wanted = 6 if precision is None else max(precision, 1)
    if "." not in mantissa:
        mantissa += "."
    digits = mantissa.lstrip("-").replace(".", "")
    known = len(digits.lstrip("0")) or len(digits)
    return mantissa + "0" * max(wanted - known, 0) + exponent_mark + exponent


def _signed(text: str, value: float, flags: Flags, is_finite: bool) -> str:
    """Signs, and zeros between the sign and the digits."""
    is_negative = text.startswith("-")
    body = text.lstrip("+-")
    sign = "-" if is_negative else "+" if flags.plus else " " if flags.space else ""
    if math.isinf(value) and not is_negative and not flags.space:
        sign = "+"
    if flags.zero and is_finite and not flags.minus:
        return sign + body.rjust(flags.width - len(sign), "0")
    return _aligned(sign + body, flags)


def _padded(text: str, flags: Flags) -> str:
    """To the width, with zeros in front if they were asked for."""
    if flags.zero and not flags.minus:
        return text.rjust(flags.width, "0")
    return _aligned(text, flags)


def _aligned(text: str, flags: Flags) -> str:
    return text.ljust(flags.width) if flags.minus else text.rjust(flags.width)
