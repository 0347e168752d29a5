"""Attribute values and numbers of OpenTelemetry as texts."""

import base64
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

# Within JSON, Go writes these as escapes, and whole numbers without a decimal point.
ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
EXACT_INTEGERS_MAX = 1 << 53


def text_of(value: AnyValue) -> str:
    """An attribute's value as the value of a label; lists and maps as JSON."""
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
        text = orjson.dumps(plain(value), option=orjson.OPT_SORT_KEYS).decode()
        return text.translate(ESCAPES)
    return ""


def plain(value: AnyValue) -> Any:
    """A value as JSON has it. It is no deeper than the parser lets messages be, which is 100."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return text_of(value)
    if kind == "double_value" and abs(value.double_value) < EXACT_INTEGERS_MAX:
        whole = int(value.double_value)
        return whole if whole == value.double_value else value.double_value
    return None if kind is None else getattr(value, kind)


def texts_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes by name; of one that is given twice the last value counts."""
    return {attribute.key: text_of(attribute.value) for attribute in attributes}


def float_text(value: float) -> str:
    """A number as JavaScript writes it: from 1e21 on, and below 1e-6, with an exponent."""
    if not math.isfinite(value):
        return bound_text(value)
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
