"""Lines of text, read again by the client library where it can, and byte by byte."""

import math

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from api.answers.exposition import text as text_module
from api.answers.exposition.accept import Form, Format
from api.answers.exposition.scrape import Scrape
from api.answers.exposition.text import encode_text
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE, NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols

ROWS: list[tuple[dict[str, str], float, int]] = [
    ({"__name__": "a:b", "x": 'q"\\\n', "instance": "i"}, 1.5, 1_435_781_430_781),
    ({"__name__": "up", "job": "ü"}, -0.0, 0),
    ({"__name__": "up", "job": "x", "zone": "z"}, math.inf, -1_500),
    ({"__name__": "zzz"}, 1e-300, 12_000),
]


def scrape(rows: list[tuple[dict[str, str], float, int]]) -> Scrape:
    labels = LabelFrame.from_dicts(Symbols(), [labels for labels, _, _ in rows])
    times = np.array([time for _, _, time in rows], np.int64)
    return Scrape(labels, times, np.array([value for _, value, _ in rows]))


def encoded(rows: list[tuple[dict[str, str], float, int]], wanted: Format) -> str:
    return b"".join(encode_text(scrape(rows).in_families(), wanted)).decode()


def test_lines() -> None:
    assert encoded(ROWS, Format()) == (
        "# TYPE a:b untyped\n"
        'a:b{instance="i",x="q\\"\\\\\\n"} 1.5 1435781430781\n'
        "# TYPE up untyped\n"
        'up{job="x",zone="z",instance=""} +Inf -1500\n'
        'up{job="ü",instance=""} 0 0\n'
        "# TYPE zzz untyped\n"
        'zzz{instance=""} 1e-300 12000\n'
    )


def test_open_metrics() -> None:
    assert encoded(ROWS[1:3], Format(Form.OPEN_METRICS)) == (
        "# TYPE up unknown\n"
        'up{job="x",zone="z",instance=""} +Inf -1.500\n'
        'up{job="ü",instance=""} 0 0\n'
        "# EOF\n"
    )
    assert encoded([], Format(Form.OPEN_METRICS)) == "# EOF\n"
    assert encoded([], Format()) == ""


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (
            Format(any_names=True),
            ["# TYPE _a_b untyped", '_a_b{instance=""} 1 1']
            + ['# TYPE "a.b" untyped', '{"a.b","l.x"="1",instance=""} 2 2'],
        ),
        (
            Format(),
            ["# TYPE _a_b untyped", '_a_b{instance=""} 1 1']
            + ["# TYPE a_b untyped", 'a_b{l_x="1",instance=""} 2 2'],
        ),
    ],
)
def test_names_of_any_kind(wanted: Format, lines: list[str]) -> None:
    rows = [({"__name__": "_a_b"}, 1.0, 1), ({"__name__": "a.b", "l.x": "1"}, 2.0, 2)]
    assert encoded(rows, wanted).splitlines() == lines


def test_a_digit_does_not_begin_an_old_name() -> None:
    assert encoded([({"__name__": "1.x"}, 1.0, 1)], Format()).startswith("# TYPE _1_x untyped\n")


@pytest.mark.parametrize("block", [1, 3, 1 << 13])
def test_client_libraries_read_it(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "BLOCK_ROWS", block)
    values = np.random.default_rng(1).normal(scale=1e10, size=50)
    rows = [
        ({"__name__": f"m{n % 3}", "n": str(n)}, float(value), 1000 * n)
        for n, value in enumerate(values)
    ]
    wanted = sorted((f"m{n % 3}", str(n), float(value), n) for n, value in enumerate(values))
    for form, read, unit in ((Form.TEXT, read_plain, 1), (Form.OPEN_METRICS, read_open, 1)):
        families = list(read(encoded(rows, Format(form))))
        assert [family.name for family in families] == ["m0", "m1", "m2"]
        found = [
            (s.name, s.labels["n"], s.value, int(float(s.timestamp or 0)) // unit)
            for family in families
            for s in family.samples
        ]
        assert sorted(found) == wanted


def histograms(name: str, hint: int = 0) -> Scrape:
    """Two with custom buckets, an exponential one and a float, all of one name."""
    parts = [
        Parts(CUSTOM_SCHEMA, 5, 9.5, positive=[(0, 2), (2, 3)], bounds=[0.5, 1], hint=hint),
        Parts(CUSTOM_SCHEMA, 1, 7, positive=[(1, 1)], bounds=[1e6], hint=hint),
        Parts(0, 1, 1, positive=[(1, 1)]),
    ]
    rows = [({"__name__": name, "x": str(k)}, 0.0, 1000 + k) for k in range(4)]
    floats = scrape(rows)
    natives = Natives(from_parts(parts), np.array([0, 1, 2, NO_HISTOGRAM], np.int32))
    return Scrape(floats.labels, floats.timestamps, floats.values, natives).in_families()


@pytest.mark.parametrize("block", [1, 1 << 8])
def test_custom_buckets_are_classic_ones(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "BLOCK_HISTOGRAMS", block)
    assert b"".join(encode_text(histograms("h"), Format())).decode() == (
        "# TYPE h histogram\n"
        'h_bucket{x="0",instance="",le="0.5"} 2 1000\n'
        'h_bucket{x="0",instance="",le="1"} 2 1000\n'
        'h_bucket{x="0",instance="",le="+Inf"} 5 1000\n'
        'h_sum{x="0",instance=""} 9.5 1000\n'
        'h_count{x="0",instance=""} 5 1000\n'
        'h_bucket{x="1",instance="",le="1e+06"} 0 1001\n'
        'h_bucket{x="1",instance="",le="+Inf"} 1 1001\n'
        'h_sum{x="1",instance=""} 7 1001\n'
        'h_count{x="1",instance=""} 1 1001\n'
        "# TYPE h untyped\n"
        'h{x="3",instance=""} 0 1003\n'
    )


@pytest.mark.parametrize(
    ("hint", "kind", "ends"),
    [(0, "histogram", ("_sum", "_count")), (HINT_GAUGE, "gaugehistogram", ("_gsum", "_gcount"))],
)
def test_custom_buckets_in_open_metrics(hint: int, kind: str, ends: tuple[str, str]) -> None:
    whole = histograms("h.x", hint)
    wanted = Format(Form.OPEN_METRICS, any_names=True)
    lines = b"".join(encode_text(whole.take(np.arange(2)), wanted)).decode().splitlines()
    assert lines[0] == f'# TYPE "h.x" {kind}'
    assert lines[1:6] == [
        '{"h.x_bucket",x="0",instance="",le="0.5"} 2 1',
        '{"h.x_bucket",x="0",instance="",le="1.0"} 2 1',
        '{"h.x_bucket",x="0",instance="",le="+Inf"} 5 1',
        f'{{"h.x{ends[0]}",x="0",instance=""}} 9.5 1',
        f'{{"h.x{ends[1]}",x="0",instance=""}} 5 1',
    ]
    plain = b"".join(encode_text(whole.take(np.arange(2)), Format(Form.OPEN_METRICS))).decode()
    (family,) = read_open(plain)
    assert (family.type, len(family.samples)) == (kind, 9)
