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
        'up{job="ü",instance=""} -0 0\n'
        "# TYPE zzz untyped\n"
        'zzz{instance=""} 1e-300 12000\n'
    )


def test_open_metrics() -> None:
    assert encoded(ROWS[1:3], Format(Form.OPEN_METRICS)) == (
        "# TYPE up unknown\n"
        'up{job="x",zone="z",instance=""} +Inf -1.500\n'
        'up{job="ü",instance=""} -0 0\n'
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
