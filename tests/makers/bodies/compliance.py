"""The series that the receiver suite of prometheus/compliance sends, and how much is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from storage.kernels.stale import STALE_NAN
from tests.makers.bodies.rich import WireHistogram, WireSeries

HOUR_MS = 3_600_000


def up(name: str = "test_metric", **labels: str) -> dict[str, str]:
    # Not sorted: receivers have to do that.
    return {"job": "test", "instance": "localhost:9090"} | labels | {"__name__": name}


PLAIN = WireHistogram(
    count=175,
    sum=100.0,
    zero_threshold=0.001,
    zero_count=5,
    negative_spans=[(0, 2)],
    negative=[10, 10],
    positive_spans=[(0, 3), (1, 2)],
    positive=[10, 20, -5, 10, -5],
)
CUSTOM = WireHistogram(
    count=180,
    sum=100.0,
    schema=-53,
    positive_spans=[(0, 4)],
    positive=[10, 20, 30, 20],
    custom_values=[0.1, 0.5, 1.0],
)
POSITIVE = WireHistogram(count=60, sum=1.0, positive_spans=[(0, 2)], positive=[20, 20])
NEGATIVE = WireHistogram(count=60, sum=-1.0, negative_spans=[(0, 2)], negative=[20, 20])
ZERO_ONLY = WireHistogram(count=10, sum=0.0, zero_threshold=0.001, zero_count=10)
# 10 + 20 negative, 10 + 30 + 25 + 35 + 30 + 5 in the others.
PLAIN = replace(PLAIN, count=30 + 130 + 5)

Make = Callable[[int], list[WireSeries]]
CASES: dict[str, tuple[Make, tuple[int, int, int]]] = {}


def add(name: str, counts: tuple[int, int, int], make: Make) -> None:
    assert name not in CASES
    CASES[name] = (make, counts)


VALUES = {"1": 1.0, "stale": float(STALE_NAN), "nan": math.nan, "+inf": math.inf, "-inf": -math.inf}
LABELS = {
    "simple": {"__name__": "up"},
    "labels": up(),
    "newlines in value": up(text="a\nb\n"),
    "dots in names": {"__name__": "test.metric", "a.label": "x"},
    "spaces in names": {"__name__": "test metric", "a label": "x"},
}
for value_name, value in VALUES.items():
    for labels_name, labels in LABELS.items():
        add(
            f"SingleMetric/{value_name}/{labels_name}",
            (1, 0, 0),
            lambda t, labels=labels, value=value: [
                WireSeries({**labels, "v": str(value)}, [(t, value)])
            ],
        )
add(
    "MultipleMetrics",
    (4, 0, 0),
    lambda t: [WireSeries(up(f"many_{i}"), [(t, float(i))]) for i in range(4)],
)
add(
    "CounterWithCreatedTimestamp",
    (1, 0, 0),
    lambda t: [WireSeries(up("c_total"), [(t, 1.0)], created=t - HOUR_MS)],
)
add(
    "CounterMetadataWithCreatedTimestamp",
    (1, 0, 0),
    lambda t: [
        WireSeries(up("d_total"), [(t, 1.0)], metadata=(1, "help", ""), created=t - HOUR_MS)
    ],
)
add(
    "ExemplarWithCreatedTimestamp",
    (1, 0, 1),
    lambda t: [
        WireSeries(
            up("e_total"), [(t, 1.0)], exemplars=[({"trace_id": "a"}, 1.0, t)], created=t - HOUR_MS
        )
    ],
)
add(
    "HistogramWithCreatedTimestamp",
    (0, 1, 0),
    lambda t: [WireSeries(up("h"), histograms=[replace(PLAIN, timestamp=t)], created=t - HOUR_MS)],
)
for name, histogram in {
    "basic": PLAIN,
    "custom buckets": CUSTOM,
    "positive only": POSITIVE,
    "negative only": NEGATIVE,
    "minimal": ZERO_ONLY,
}.items():
    add(
        f"Histograms/{name}",
        (0, 1, 0),
        lambda t, name=name, h=histogram: [
            WireSeries(up("hist", kind=name), histograms=[replace(h, timestamp=t)])
        ],
    )


def histograms(t: int, name: str, **more: Any) -> WireSeries:
    return WireSeries(up(name), histograms=[replace(PLAIN, timestamp=t)], **more)


def trace(t: int, **labels: str) -> list[tuple[dict[str, str], float, int]]:
    return [(labels or {"trace_id": "abc"}, 2.0, t)]


HELP = (3, "A histogram", "seconds")
add("MultipleHistograms", (0, 3, 0), lambda t: [histograms(t, f"mh{i}") for i in range(3)])
add(
    "EmptyHistogram",
    (0, 1, 0),
    lambda t: [WireSeries(up("eh"), histograms=[WireHistogram(timestamp=t)])],
)
add("HistogramWithMetadata", (0, 1, 0), lambda t: [histograms(t, "hm", metadata=HELP)])
add("HistogramWithExemplar", (0, 1, 1), lambda t: [histograms(t, "he", exemplars=trace(t))])
add(
    "HistogramWithMetadataAndExemplar",
    (0, 1, 1),
    lambda t: [histograms(t, "hme", metadata=HELP, exemplars=trace(t))],
)
add(
    "MultipleHistogramsWithMetadata",
    (0, 2, 0),
    lambda t: [histograms(t, f"mhm{i}", metadata=HELP) for i in range(2)],
)
add(
    "CustomBucketsHistogramWithExemplar",
    (0, 1, 1),
    lambda t: [
        WireSeries(up("cbe"), histograms=[replace(CUSTOM, timestamp=t)], exemplars=trace(t))
    ],
)
EXEMPLARS: dict[str, dict[str, str]] = {
    "trace_id": {"trace_id": "abc123"},
    "span_id": {"trace_id": "abc123", "span_id": "def"},
    "no labels": {},
    "special characters": {"trace_id": 'a"b\\c\n'},
    "unicode": {"trace_id": "\u8ddf\u8e2a-\U0001f680"},
}
for name, own in EXEMPLARS.items():
    add(
        f"Exemplars/{name}",
        (1, 0, 1),
        lambda t, name=name, own=own: [
            WireSeries(up("ex_total", kind=name), [(t, 1.0)], exemplars=[(own, 1.0, t)])
        ],
    )
add("Exemplars/none", (1, 0, 0), lambda t: [WireSeries(up("ex_none_total"), [(t, 1.0)])])
add(
    "Exemplars/multiple",
    (1, 0, 2),
    lambda t: [
        WireSeries(
            up("ex_two_total"),
            [(t, 1.0)],
            exemplars=[({"trace_id": "a"}, 1.0, t - 5), ({"trace_id": "b"}, 2.0, t)],
        )
    ],
)
add(
    "MultipleExemplars",
    (3, 0, 3),
    lambda t: [WireSeries(up(f"me_{i}_total"), [(t, 1.0)], exemplars=trace(t)) for i in range(3)],
)
add(
    "ExemplarTimestamps",
    (3, 0, 3),
    lambda t: [
        WireSeries(up("et_total"), [(t - ago, 1.0)], exemplars=trace(t - ago))
        for ago in (HOUR_MS, 60_000, 0)
    ],
)
add(
    "ExemplarSpecialValues",
    (7, 0, 7),
    lambda t: [
        WireSeries(up("es_total"), [(t + i, 1.0)], exemplars=[({"trace_id": "s"}, value, t + i)])
        for i, value in enumerate((0.0, -1.5, 1e10, 1e-10, math.nan, math.inf, -math.inf))
    ],
)
METADATA = {
    "counter": (1, "help", ""),
    "gauge": (2, "help", ""),
    "histogram": (3, "help", "seconds"),
    "gaugehistogram": (4, "help", ""),
    "summary": (5, "help", "bytes"),
    "info": (6, "help", ""),
    "stateset": (7, "help", ""),
    "unspecified": (0, "help", ""),
    "no help": (1, "", "seconds"),
    "special characters": (2, 'a "b" \\ \n \u03c0', "m/s\u00b2"),
}
for name, told in METADATA.items():
    add(
        f"Metadata/{name}",
        (1, 0, 0),
        lambda t, name=name, told=told: [
            WireSeries(up("md_" + name.replace(" ", "_")), [(t, 1.0)], metadata=told)
        ],
    )
add(
    "MetadataWithSamples",
    (2, 0, 0),
    lambda t: [WireSeries(up("mws_total"), [(t - 5, 1.0), (t, 2.0)], metadata=(1, "h", ""))],
)
add(
    "MultipleMetadata",
    (3, 0, 0),
    lambda t: [WireSeries(up(f"mm{i}"), [(t, 1.0)], metadata=(i, "h", "")) for i in range(3)],
)
add(
    "MetadataWithComplexLabels",
    (1, 0, 0),
    lambda t: [
        WireSeries(up("mcl", **{"a.b": "c d", "\u03c0": "3"}), [(t, 1.0)], metadata=(2, "h", "u"))
    ],
)
add(
    "SamplesWithMetadataAndExemplars",
    (1, 0, 1),
    lambda t: [WireSeries(up("sme_total"), [(t, 1.0)], exemplars=trace(t), metadata=(1, "h", ""))],
)
add(
    "HistogramsWithMetadataAndExemplars",
    (0, 1, 1),
    lambda t: [histograms(t, "hsme", metadata=HELP, exemplars=trace(t))],
)
add(
    "ComplexSamplesRequest",
    (2, 0, 1),
    lambda t: [
        WireSeries(up("csr_total"), [(t, 1.0)], exemplars=trace(t), metadata=(1, "h", "")),
        WireSeries(up("csr"), [(t, -1.0)], metadata=(2, "h", "")),
    ],
)
add(
    "ComplexHistogramsRequest",
    (0, 2, 1),
    lambda t: [histograms(t, "chr1", exemplars=trace(t), metadata=HELP), histograms(t, "chr2")],
)
add(
    "MultipleMetricFamiliesSamples",
    (2, 0, 1),
    lambda t: [
        WireSeries(up("mmf_total"), [(t, 1.0)], exemplars=trace(t), metadata=(1, "h", "")),
        WireSeries(up("mmf_gauge"), [(t, 1.0)], metadata=(2, "h", "")),
    ],
)
add(
    "MultipleMetricFamiliesHistograms",
    (0, 2, 1),
    lambda t: [
        histograms(t, "mmfh1", exemplars=trace(t), metadata=HELP),
        WireSeries(up("mmfh2"), histograms=[replace(CUSTOM, timestamp=t)], metadata=HELP),
    ],
)
add(
    "ManySamples",
    (50, 0, 50),
    lambda t: [WireSeries(up(f"ms{i}_total"), [(t, 1.0)], exemplars=trace(t)) for i in range(50)],
)
add(
    "ManyHistograms",
    (0, 50, 50),
    lambda t: [histograms(t, f"mah{i}", exemplars=trace(t)) for i in range(50)],
)
add(
    "SpecialCharactersCombined",
    (1, 0, 1),
    lambda t: [
        WireSeries(
            {"__name__": "a.b c", "l\u00e4bel": 'v"\\\n\U0001f680'},
            [(t, 1.0)],
            exemplars=trace(t, trace_id='\U0001f680"'),
            metadata=(2, '"\\\n', "\u00b5s"),
        )
    ],
)
add(
    "EdgeCaseCombinations/metadata_without_data",
    (0, 0, 0),
    lambda t: [WireSeries(up("mwd"), metadata=(1, "h", ""))],
)
add(
    "EdgeCaseCombinations/exemplars_without_data",
    (0, 0, 1),
    lambda t: [WireSeries(up("ewd_total"), exemplars=trace(t))],
)
add(
    "EdgeCaseCombinations/mixed_timestamp_data",
    (2, 0, 1),
    lambda t: [
        WireSeries(
            up("mtd_total"),
            [(t - HOUR_MS, 1.0), (t, 2.0)],
            exemplars=trace(t - HOUR_MS // 2),
        )
    ],
)


NAMELESS = {"job": "test"}
EMPTY_NAME = {"__name__": "", "job": "test"}
GOOD = up("good")
# What must fail, and how many samples, histograms and exemplars of it are good.
FAILING: dict[str, tuple[Make, tuple[int, int, int]]] = {
    "SingleMetric/no name": (lambda t: [WireSeries(NAMELESS, [(t, 1.0)])], (0, 0, 0)),
    "SingleMetric/no labels": (lambda t: [WireSeries({}, [(t, 1.0)])], (0, 0, 0)),
    "MultipleMetrics/no names": (
        lambda t: [WireSeries(NAMELESS | {"i": str(i)}, [(t, 1.0)]) for i in range(4)],
        (0, 0, 0),
    ),
    "MultipleMetrics/one without a name": (
        lambda t: [WireSeries(NAMELESS if i == 1 else up(f"mp{i}"), [(t, 1.0)]) for i in range(4)],
        (3, 0, 0),
    ),
    "Histograms/bad_count": (
        lambda t: [WireSeries(up("bad"), histograms=[replace(PLAIN, count=1, timestamp=t)])],
        (0, 0, 0),
    ),
    "ExemplarValidation/no name": (
        lambda t: [WireSeries(NAMELESS, [(t, 1.0)], exemplars=trace(t))],
        (0, 0, 0),
    ),
    "ExemplarValidation/empty name": (
        lambda t: [WireSeries(EMPTY_NAME, [(t, 1.0)], exemplars=trace(t))],
        (0, 0, 0),
    ),
    "MetadataValidation/no name": (
        lambda t: [WireSeries(NAMELESS, [(t, 1.0)], metadata=(1, "h", ""))],
        (0, 0, 0),
    ),
    "MetadataValidation/empty name": (
        lambda t: [WireSeries(EMPTY_NAME, metadata=(1, "h", ""))],
        (0, 0, 0),
    ),
    "duplicate label": (
        lambda t: [WireSeries([*up().items(), ("job", "x")], [(t, 1.0)])],
        (0, 0, 0),
    ),
    "good and bad histogram": (
        lambda t: [
            WireSeries(
                up("mixed"),
                [(t, 1.0)],
                [replace(PLAIN, timestamp=t + 1), replace(PLAIN, count=0, timestamp=t + 2)],
            )
        ],
        (1, 1, 0),
    ),
}
