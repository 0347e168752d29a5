"""How values are printed: Go's fmt.Sprint and its %v, and its Go syntax, %#v."""

from collections.abc import Sequence

from api.promql.go_format import format_g, quote
from rules.templates.times import format_span, format_time
from rules.templates.values import (
    AnyMap,
    Byte,
    Data,
    Duration,
    QueryResult,
    Sample,
    StringMap,
    Time,
    Value,
    type_name,
)

NO_VALUE = "<no value>"
NIL = "<nil>"
# Go prints the address of what a list points to; it means nothing to whoever reads it.
ADDRESS = "0xc000000000"


def printed(value: Value) -> str:
    """What an action writes of its value."""
    return NO_VALUE if value is None else plain(value)


def plain(value: Value, depth: int = 0) -> str:
    """%v. depth: below how many lists and maps it stands."""
    match value:
        case None:
            return NIL
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case int():
            return str(int(value))
        case float():
            return format_g(value)
        case Time():
            return format_time(value)
        case Duration():
            return format_span(value)
        case StringMap() | AnyMap():
            pairs = (f"{key}:{plain(value[key], depth + 1)}" for key in sorted_keys(value))
            return f"map[{' '.join(pairs)}]"
        case QueryResult():
            return f"[{' '.join(ADDRESS for _ in value)}]"
        case Sample():
            inner = f"{{{plain(value.labels, 1)} {plain(value.value)}}}"
            return ADDRESS if depth else inner
        case Data():
            fields = (value.labels, value.external_labels, value.external_url, value.value)
            return f"{{{' '.join(plain(one, 1) for one in fields)}}}"
    raise AssertionError(f"BUG: no value of a template: {type(value)}")


def sorted_keys(entries: StringMap | AnyMap) -> list[str]:
    """Keys in the order of their bytes."""
    return sorted(entries, key=lambda key: key.encode("utf-8", "surrogateescape"))


def go_syntax(value: Value) -> str:
    """%#v."""
    match value:
        case None:
            return NIL
        case bool():
            return plain(value)
        case str():
            return quote(value)
        case Byte():
            return f"0x{int(value):x}"
        case int() | float():
            return plain(value)
        case StringMap() | AnyMap():
            pairs = (f"{quote(key)}:{go_syntax(value[key])}" for key in sorted_keys(value))
            return f"{type_name(value)}{{{', '.join(pairs)}}}"
        case Duration():
            return ADDRESS if value.is_pointer else str(value.ns)
        case QueryResult():
            pointers = ", ".join(f"(*template.sample)({ADDRESS})" for _ in value)
            return f"{type_name(value)}{{{pointers}}}"
    return plain(value)


def sprint(values: Sequence[Value]) -> str:
    """Operands one after another, with a space between two that are no strings."""
    parts: list[str] = []
    for i, value in enumerate(values):
        if i and type(value) is not str and type(values[i - 1]) is not str:
            parts.append(" ")
        parts.append(plain_operand(value))
    return "".join(parts)


def plain_operand(value: Value) -> str:
    """An operand at the top: a pointer to a sample shows what it points to."""
    text = plain(value)
    return f"&{text}" if isinstance(value, Sample) else text


def sprintln(values: Sequence[Value]) -> str:
    return " ".join(map(plain_operand, values)) + "\n"


def evaluated(values: Sequence[Value]) -> str:
    """The text of the arguments of an escaper."""
    shown = [NO_VALUE if value is None else value for value in values]
    return plain(shown[0]) if len(shown) == 1 else sprint(shown)
