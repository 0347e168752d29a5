"""The values of templates where Python's own types do not say which Go type it is.

str is Go's string, bytes that are no UTF-8 held as surrogate escapes; int, float and bool are int,
float64 and bool. None is nil, and also what is not there at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

Value = Any
ANY: Final = "interface {}"
REFLECTED: Final = "reflect.Value"
STRING: Final = "string"
RESULT: Final = "template.queryResult"
SAMPLE: Final = "*template.sample"


class Absent:
    """What comes through the pipeline before its first command: nothing, not even nil."""


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Boxed:
    """An entry of a map of anything, as a chain of fields meets it; `value` is what it holds."""

    value: Value


MISSING: Final = Boxed(None)


class Html(str):
    """Text that counts as safe HTML."""


class Byte(int):
    """A byte of a text."""


class Int64(int):
    """An int64: printed as an int, of another type."""


class StringMap(dict[str, str]):
    """Labels; what is missing is empty."""


class AnyMap(dict[str, Value]):
    """The arguments of a template."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the result of a query."""

    labels: StringMap
    value: float


class QueryResult(list[Sample]):
    """What `query` gives."""


@dataclass(frozen=True, slots=True)
class Data:
    """What the dot is at the beginning. value: a float, or the text of a histogram."""

    labels: StringMap = field(default_factory=StringMap)
    external_labels: StringMap = field(default_factory=StringMap)
    external_url: str = ""
    value: float | str = 0.0


@dataclass(frozen=True, slots=True)
class Time:
    """A time in UTC: nanoseconds since the epoch."""

    ns: int


@dataclass(frozen=True, slots=True)
class Duration:
    """Nanoseconds. is_pointer: whether a function gave it, as a pointer."""

    ns: int
    is_pointer: bool = False


_DATA_TYPE = (
    "struct { Labels map[string]string; ExternalLabels map[string]string; "
    "ExternalURL string; Value interface {} }"
)
_TYPES: dict[type, str] = {
    str: STRING,
    bool: "bool",
    int: "int",
    float: "float64",
    Html: "template.HTML",
    Byte: "uint8",
    Int64: "int64",
    StringMap: "map[string]string",
    AnyMap: "map[string]interface {}",
    Sample: SAMPLE,
    QueryResult: RESULT,
    Data: _DATA_TYPE,
    Time: "*time.Time",
    Duration: "time.Duration",
    Boxed: ANY,
}


def type_name(value: Value) -> str:
    """Go's name of the type of a value; of None it is that of nil."""
    if value is None:
        return "<nil>"
    if isinstance(value, Duration) and value.is_pointer:
        return "*time.Duration"
    return _TYPES[type(value)]


def is_true(value: Value) -> bool:
    """What `if` makes of a value: not zero, not empty."""
    if isinstance(value, Sample | Data | Time):
        return True
    if isinstance(value, Duration):
        return value.is_pointer or value.ns != 0
    return bool(value)


def unboxed(value: Value) -> Value:
    return value.value if isinstance(value, Boxed) else value


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
