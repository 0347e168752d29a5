"""Hostile bodies whose numbers, native histograms and spans contradict themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.makers.bodies.hostile import (
    CUSTOM_HISTOGRAM,
    FLOAT_HISTOGRAM,
    HISTOGRAM,
    INT64_MAX,
    ODD_NUMBERS,
    ODD_TIMES,
    TAKEN_OR_REFUSED,
    Case,
    raw_v1,
    raw_v2,
)
from tests.makers.bodies.rich import (
    WireHistogram,
    WireSeries,
    body_v1,
    body_v2,
    encode_histogram,
    labels_v1,
)
from tests.twins.wire.v1 import message


def number_cases() -> Iterator[Case]:
    """NaNs, infinities and the ends of time, in everything that takes a number."""
    for k, value in enumerate(ODD_NUMBERS):
        for time in ODD_TIMES:
            one = WireSeries(
                {"__name__": "odd", "k": str(k)},
                [(time, value)],
                exemplars=[({"trace_id": "x"}, value, time)],
                created=time,
            )
            yield raw_v1(f"value {value} at {time}", body_v1([one]), TAKEN_OR_REFUSED)
            yield raw_v2(f"value {value} at {time}", body_v2([one]), TAKEN_OR_REFUSED)
    for name, changes in histogram_changes():
        for base in (HISTOGRAM, FLOAT_HISTOGRAM, CUSTOM_HISTOGRAM):
            if not base.is_float and changes.keys() & {"count", "zero_count", "positive"}:
                continue
            one = WireSeries({"__name__": "odd_histogram"}, histograms=[replace(base, **changes)])
            yield raw_v1(name, body_v1([one]), TAKEN_OR_REFUSED)
            yield raw_v2(name, body_v2([one]), TAKEN_OR_REFUSED)
    yield from span_cases()


def histogram_changes() -> Iterator[tuple[str, dict[str, object]]]:
    for value in (*ODD_NUMBERS, 1e300, -1.0):
        for name in ("count", "sum", "zero_count", "zero_threshold"):
            yield f"{name} is {value}", {name: value}
        yield f"buckets are {value}", {"positive": (value, value)}
        yield f"bounds are {value}", {"custom_values": (value, value)}
    for schema in (
        -128,
        -53,
        -9,
        -5,
        -4,
        8,
        9,
        52,
        53,
        127,
        128,
        1 << 20,
        (1 << 31) - 1,
        -(1 << 31),
    ):
        yield f"schema {schema}", {"schema": schema}
    for time in ODD_TIMES:
        yield f"at {time}", {"timestamp": time, "start": time}
    yield "hint 255", {"hint": 255}
    yield "bounds that fall", {"custom_values": (2.0, 1.0)}
    yield "no bounds", {"custom_values": ()}
    yield "no buckets", {"positive": (), "negative": ()}
    yield "no spans", {"positive_spans": (), "negative_spans": ()}


def span_cases() -> Iterator[Case]:
    """Spans that say more than there is."""
    offsets = (-(1 << 31), -1, 0, 1, (1 << 31) - 1)
    lengths = (0, 1, 1 << 20, (1 << 31) - 1, (1 << 32) - 1)
    for offset in offsets:
        for length in lengths:
            for spans in (((offset, length),), ((0, 2), (offset, length)), ((offset, length),) * 3):
                h = replace(HISTOGRAM, positive_spans=spans)
                yield raw_v1(f"spans {spans}", histogram_body(h), TAKEN_OR_REFUSED)
    many = replace(HISTOGRAM, positive_spans=((0, 0),) * 300_000)
    yield raw_v1("300000 empty spans", histogram_body(many), TAKEN_OR_REFUSED)
    deltas = replace(
        FLOAT_HISTOGRAM, positive_spans=((0, 600_000),), positive=(1.0,) * 600_000, count=600_003.0
    )
    yield raw_v1("600000 buckets", histogram_body(deltas), (400, 413))
    yield raw_v1("two of them", histogram_body(deltas) * 2, (400, 413))
    huge = replace(HISTOGRAM, positive=(INT64_MAX, INT64_MAX), count=(1 << 64) - 1)
    yield raw_v1("deltas that run over", histogram_body(huge))


def histogram_body(h: WireHistogram) -> bytes:
    return message(1, labels_v1({"__name__": "spans"}) + message(4, encode_histogram(h)))
