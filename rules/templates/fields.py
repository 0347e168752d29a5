"""The fields and methods of values: .Labels of a sample, .instance of labels, .Unix of a time."""

from rules.errors import FunctionError
from rules.templates.signatures import Function
from rules.templates.times import DURATION_METHODS, TIME_METHODS, format_time
from rules.templates.values import (
    MISSING,
    STRING,
    AnyMap,
    Boxed,
    Data,
    Duration,
    Sample,
    StringMap,
    Time,
    Value,
    type_name,
    unboxed,
)

_FIELDS = {
    Sample: {"Labels": "labels", "Value": "value"},
    Data: {
        "Labels": "labels",
        "ExternalLabels": "external_labels",
        "ExternalURL": "external_url",
        "Value": "value",
    },
}


def method_of(value: Value, name: str) -> Function | None:
    """The method of a value, bound to it; None if it has none of this name."""
    match value:
        case Time() if name == "Format":
            return Function((STRING,), lambda layout: format_time(value, layout))
        case Time() if name in TIME_METHODS:
            return Function((), lambda: TIME_METHODS[name](value))
        case Duration() if name in DURATION_METHODS:
            return Function((), lambda: DURATION_METHODS[name](value))
    return None


def field_of(boxed: Value, name: str, *, has_arguments: bool) -> Value:
    """The field of a value. Raises FunctionError."""
    value = unboxed(boxed)
    match value:
        case None:
            raise FunctionError(f"nil pointer evaluating {type_name(boxed)}.{name}")
        case StringMap() | AnyMap():
            if has_arguments:
                raise FunctionError(f"{name} is not a method but has arguments")
            return _entry(value, name)
        case Sample() | Data() if name in _FIELDS[type(value)]:
            if has_arguments:
                raise FunctionError(f"{name} has arguments but cannot be invoked as function")
            return getattr(value, _FIELDS[type(value)][name])
    raise FunctionError(f"can't evaluate field {name} in type {type_name(boxed)}")


def _entry(entries: StringMap | AnyMap, name: str) -> Value:
    if isinstance(entries, StringMap):
        return entries.get(name, "")
    return Boxed(entries[name]) if name in entries else MISSING
