"""Attribute values and numbers of OpenTelemetry as texts."""

import base64
import math
from collections.abc import Iterable
from decimal import Decimal

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

# Within JSON, Go writes these as escapes.
ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "\u2028\u2029"}


def text_of(value: AnyValue) -> str:
    """An attribute's value as the value of a label; lists and maps as JSON, or as nothing where
    they have a number in them that JSON has not."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return float_text(value.double_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind in ("array_value", "kvlist_value"):
        try:
            return json_of(value)
        except NoJson:
            return ""
    return ""


class NoJson(ValueError):
    """A number that is infinite or none is no JSON."""


def json_of(value: AnyValue) -> str:
    """A value as JSON has it. It is no deeper than the parser lets messages be, which is 100.

    Raises NoJson."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return "[" + ",".join(json_of(element) for element in value.array_value.values) + "]"
    if kind == "kvlist_value":
        pairs = {pair.key: pair.value for pair in value.kvlist_value.values}
        members = (f"{quoted(key)}:{json_of(pairs[key])}" for key in sorted(pairs))
        return "{" + ",".join(members) + "}"
    if kind == "double_value" and not math.isfinite(value.double_value):
        raise NoJson
    if kind in ("string_value", "bytes_value"):
        return quoted(text_of(value))
    return "null" if kind is None else text_of(value)


def quoted(text: str) -> str:
    return orjson.dumps(text).decode().translate(ESCAPES)


def texts_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes by name; of one that is given twice the last value counts."""
    return {attribute.key: text_of(attribute.value) for attribute in attributes}


def float_text(value: float) -> str:
    """A number as JavaScript writes it: from 1e21 on, and below 1e-6, with an exponent."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        return "NaN"
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return bound_text(value)
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def bound_text(value: float) -> str:
    """A number without an exponent, as the labels le and quantile have it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)), "f").removesuffix(".0")
