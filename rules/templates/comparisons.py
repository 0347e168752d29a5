"""eq, ne, lt, le, gt and ge of templates: Go's rules of which values can be compared."""

from rules.errors import FunctionError
from rules.templates.printing import plain
from rules.templates.values import (
    AnyMap,
    Data,
    Duration,
    QueryResult,
    StringMap,
    Value,
    type_name,
)

_BAD_TYPE = "invalid type for comparison"
_INCOMPATIBLE = "incompatible types for comparison"
_UNCOMPARABLE = (StringMap, AnyMap, QueryResult, Data)


def _kind(value: Value) -> str:
    """The basic kind of a value, "" if it is none of them."""
    match value:
        case bool():
            return "bool"
        case int():
            return "uint" if type_name(value) == "uint8" else "int"
        case float():
            return "float"
        case str():
            return "string"
        case Duration(is_pointer=False):
            return "int"
    return ""


def _basic(value: Value) -> Value:
    return value.ns if isinstance(value, Duration) else value


def eq(first: Value, *others: Value) -> bool:
    """Whether the first equals one of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_are_equal(first, other) for other in others)


def _are_equal(first: Value, other: Value) -> bool:
    kind, other_kind = _kind(first), _kind(other)
    if kind != other_kind:
        if {kind, other_kind} == {"int", "uint"}:
            return bool(_basic(first) == _basic(other))
        if first is None or other is None:
            return False
        raise FunctionError(_INCOMPATIBLE)
    if kind:
        return bool(_basic(first) == _basic(other))
    if first is None or other is None:
        return (first is None) is (other is None)
    for value in (first, other):
        if isinstance(value, _UNCOMPARABLE):
            raise FunctionError(f"non-comparable type {plain(value)}: {type_name(value)}")
    return first is other


def ne(first: Value, other: Value) -> bool:
    return not eq(first, other)


def lt(first: Value, other: Value) -> bool:
    kind, other_kind = _kind(first), _kind(other)
    if not kind or not other_kind:
        raise FunctionError(_BAD_TYPE)
    if kind != other_kind and {kind, other_kind} != {"int", "uint"}:
        raise FunctionError(_INCOMPATIBLE)
    if kind == "bool":
        raise FunctionError(_BAD_TYPE)
    if kind == "string":
        left, right = (text.encode("utf-8", "surrogateescape") for text in (first, other))
        return bool(left < right)
    return bool(_basic(first) < _basic(other))


def le(first: Value, other: Value) -> bool:
    return lt(first, other) or eq(first, other)


def gt(first: Value, other: Value) -> bool:
    """Not less and not equal, so that it holds of NaN."""
    return not le(first, other)


def ge(first: Value, other: Value) -> bool:
    return not lt(first, other)
