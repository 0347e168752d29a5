"""Plain twins of the JSON kernels: one number, one point, one series at a time."""

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any


def number_text(value: float) -> str:
    """A sample's value: shortest digits, an exponent below 1e-6 and from 1e21 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    mantissa, exponent = format(Decimal(repr(value)), "e").split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"


def time_text(time_ms: int) -> str:
    """Seconds with three decimals, or none."""
    sign = "-" if time_ms < 0 else ""
    seconds, milliseconds = divmod(abs(time_ms), 1000)
    return f"{sign}{seconds}" + (f".{milliseconds:03}" if milliseconds else "")


def point_text(time_ms: int, value: float) -> str:
    return f'[{time_text(time_ms)},"{number_text(value)}"]'


def labelset_text(labelset: dict[str, str]) -> str:
    members = sorted(labelset.items(), key=lambda item: item[0].encode())
    return _dump(dict(members))


def series_text(labelset: dict[str, str], points: Sequence[tuple[int, float]]) -> str:
    """A series of a matrix."""
    texts = ",".join(point_text(*point) for point in points)
    return f'{{"metric":{labelset_text(labelset)},"values":[{texts}]}}'


def element_text(labelset: dict[str, str], time_ms: int, value: float) -> str:
    """An element of an instant vector."""
    return f'{{"metric":{labelset_text(labelset)},"value":{point_text(time_ms, value)}}}'


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# (boundaries, lower, upper, count); boundaries as the API numbers them.
Line = tuple[int, float, float, float]


def histogram_text(count: float, total: float, lines: Sequence[Line]) -> str:
    """A native histogram."""
    buckets = ",".join(
        f'[{code},"{number_text(lower)}","{number_text(upper)}","{number_text(inside)}"]'
        for code, lower, upper, inside in lines
    )
    member = f',"buckets":[{buckets}]' if lines else ""
    return f'{{"count":"{number_text(count)}","sum":"{number_text(total)}"{member}}}'
