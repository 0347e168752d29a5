"""The functions that every Go template has; `and` and `or` are evaluated by whoever executes."""

from collections.abc import Mapping
from types import MappingProxyType

from rules.errors import FunctionError
from rules.templates.comparisons import eq, ge, gt, le, lt, ne
from rules.templates.escaping import escape_html, escape_js, escape_query
from rules.templates.printf import sprintf
from rules.templates.printing import evaluated, sprint, sprintln
from rules.templates.signatures import Function
from rules.templates.values import (
    ANY,
    REFLECTED,
    STRING,
    AnyMap,
    Byte,
    QueryResult,
    StringMap,
    Value,
    as_bytes,
    as_text,
    is_true,
    type_name,
)


def index(item: Value, *keys: Value) -> Value:
    """item[key1][key2]..."""
    if item is None:
        raise FunctionError("index of untyped nil")
    for key in keys:
        match item:
            case str() | QueryResult():
                data = as_bytes(item) if isinstance(item, str) else item
                at = _position(key, len(data), is_end=False)
                item = Byte(data[at]) if isinstance(data, bytes) else data[at]
            case StringMap() | AnyMap():
                item = item.get(_key(key), "" if isinstance(item, StringMap) else None)
            case None:
                raise FunctionError("index of nil pointer")
            case _:
                raise FunctionError(f"can't index item of type {type_name(item)}")
    return item


def _position(value: Value, length: int, *, is_end: bool) -> int:
    if value is None:
        raise FunctionError("cannot index slice/array with nil")
    if not isinstance(value, int) or isinstance(value, bool):
        raise FunctionError(f"cannot index slice/array with type {type_name(value)}")
    if not 0 <= value < length + is_end:
        raise FunctionError(f"index out of range: {int(value)}")
    return int(value)


def _key(value: Value) -> str:
    if value is None:
        raise FunctionError("value is nil; should be of type string")
    if type(value) is not str:
        raise FunctionError(f"value has type {type_name(value)}; should be string")
    return value


def cut(item: Value, *bounds: Value) -> Value:
    """`slice`: item[first:end] of a text or list."""
    if item is None:
        raise FunctionError("slice of untyped nil")
    if len(bounds) > 3:
        raise FunctionError(f"too many slice indexes: {len(bounds)}")
    if not isinstance(item, str | QueryResult):
        raise FunctionError(f"can't slice item of type {type_name(item)}")
    if isinstance(item, str) and len(bounds) == 3:
        raise FunctionError("cannot 3-index slice a string")
    data = as_bytes(item) if isinstance(item, str) else item
    ends = [_position(bound, len(data), is_end=True) for bound in bounds]
    for first, end in zip(ends, ends[1:], strict=False):
        if first > end:
            raise FunctionError(f"invalid slice index: {first} > {end}")
    part = data[ends[0] if ends else 0 : ends[1] if len(ends) > 1 else len(data)]
    return as_text(part) if isinstance(part, bytes) else QueryResult(part)


def length(item: Value) -> int:
    """Of a text, its bytes."""
    if item is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(item, str):
        return len(as_bytes(item))
    if not isinstance(item, StringMap | AnyMap | QueryResult):
        raise FunctionError(f"len of type {type_name(item)}")
    return len(item)


def call(function: Value, *_: Value) -> Value:
    """No value of these templates is a function."""
    if function is None:
        raise FunctionError("call of nil")
    raise FunctionError(f"non-function of type {type_name(function)}")


BUILTINS: Mapping[str, Function] = MappingProxyType(
    {
        "and": Function((REFLECTED, REFLECTED), lambda *_: None, is_variadic=True),
        "call": Function((REFLECTED, REFLECTED), call, is_variadic=True),
        "eq": Function((REFLECTED, REFLECTED), eq, is_variadic=True),
        "ge": Function((REFLECTED, REFLECTED), ge),
        "gt": Function((REFLECTED, REFLECTED), gt),
        "html": Function((ANY,), lambda *a: escape_html(evaluated(a)), is_variadic=True),
        "index": Function((REFLECTED, REFLECTED), index, is_variadic=True),
        "js": Function((ANY,), lambda *a: escape_js(evaluated(a)), is_variadic=True),
        "le": Function((REFLECTED, REFLECTED), le),
        "len": Function((REFLECTED,), length),
        "lt": Function((REFLECTED, REFLECTED), lt),
        "ne": Function((REFLECTED, REFLECTED), ne),
        "not": Function((REFLECTED,), lambda value: not is_true(value)),
        "or": Function((REFLECTED, REFLECTED), lambda *_: None, is_variadic=True),
        "print": Function((ANY,), lambda *a: sprint(a), is_variadic=True),
        "printf": Function((STRING, ANY), lambda form, *a: sprintf(form, a), is_variadic=True),
        "println": Function((ANY,), lambda *a: sprintln(a), is_variadic=True),
        "slice": Function((REFLECTED, REFLECTED), cut, is_variadic=True),
        "urlquery": Function((ANY,), lambda *a: escape_query(evaluated(a)), is_variadic=True),
    }
)
