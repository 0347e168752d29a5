"""Native histograms in the notation of test files, and back."""

import pytest

from rules.errors import RulesError
from rules.unit_tests.natives import combined, native_text, parse_native
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE
from storage.histograms.histograms import Parts


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ("", Parts()),
        (
            "schema:1 count:3 sum:4.5 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 2] offset:2",
            Parts(1, 3.0, 4.5, 0.001, 1.0, ((2, 1.0), (4, 2.0))),
        ),
        (
            "n_buckets:[1] n_offset:-3 counter_reset_hint:gauge",
            Parts(negative=((-3, 1.0),), hint=HINT_GAUGE),
        ),
        (
            "schema:-53 custom_values:[5 10] buckets:[1 2 3]",
            Parts(CUSTOM_SCHEMA, positive=((0, 1.0), (1, 2.0), (2, 3.0)), bounds=(5.0, 10.0)),
        ),
    ],
)
def test_parsed(text: str, native: Parts) -> None:
    assert parse_native(text) == native


@pytest.mark.parametrize(
    "text",
    [
        "{{}}",
        "{{schema:1 count:3 sum:4.5 z_bucket:1 z_bucket_w:0.001 offset:2 buckets:[1 0 2]}}",
        "{{counter_reset_hint:gauge n_offset:-3 n_buckets:[1]}}",
        "{{schema:-53 custom_values:[5 10] buckets:[1 2 3]}}",
        "{{count:2 sum:3 counter_reset_hint:not_reset buckets:[2]}}",
    ],
)
def test_texts(text: str) -> None:
    assert native_text(parse_native(text[2:-2])) == text


@pytest.mark.parametrize(
    "text", ["nope:1", "count:x", "count", "counter_reset_hint:often", "schema:x", "buckets:[1"]
)
def test_what_is_no_histogram(text: str) -> None:
    with pytest.raises(RulesError, match="^bad histogram: "):
        parse_native(text)


def test_sums() -> None:
    coarse = parse_native("schema:0 count:1 sum:1 buckets:[1]")
    fine = parse_native("schema:1 count:2 sum:2 buckets:[0 1 1]")
    assert combined(coarse, fine, 1) == parse_native("count:3 sum:3 buckets:[1 2]")
    assert combined(coarse, coarse, -1) == parse_native("")
    with pytest.raises(RulesError, match="coarser"):
        combined(fine, coarse, 1)
    gauge = parse_native("counter_reset_hint:gauge")
    assert combined(parse_native(""), gauge, 1).hint == HINT_GAUGE
