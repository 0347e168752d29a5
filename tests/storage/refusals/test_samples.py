"""What is said about refused samples."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from storage import reasons
from storage.batch import NO_POINT
from storage.head.kernels import COPY, REFUSED, REPEATED, UNSOUND
from storage.options import StorageOptions
from storage.reasons import DROPPED_REF, NOT_UTF8, TABLE_FULL
from storage.refusals.exemplars import RULES as EXEMPLAR_RULES
from storage.refusals.histograms import HISTOGRAM_RULES
from storage.refusals.samples import (
    EXAMPLE_CHARS_MAX,
    REASONS,
    SAMPLE_NAMES,
    SERIES_REASONS,
    label_text,
    refused_points,
    series_rejects,
)
from storage.tenants.rules import SERIES_REASONS as TENANT_REASONS
from tests.makers.batches import batch_of, label, raw_batch, series_of

OPTIONS = StorageOptions()


def test_every_reason_has_one_code_and_words_in_one_table() -> None:
    names = [name for name, value in vars(reasons).items() if name.isupper() and name[0] != "_"]
    codes = {n: getattr(reasons, n) for n in names if not n.endswith(("_REF", "_REASONS"))}
    assert len(set(codes.values())) == len(codes)
    assert all(0 <= code < 128 for code in codes.values())
    tables = [SERIES_REASONS, TENANT_REASONS, SAMPLE_NAMES, HISTOGRAM_RULES, EXEMPLAR_RULES]
    worded = Counter(code for table in tables for code in table)
    both = {reasons.BAD_REFERENCE, reasons.TOO_OLD, reasons.TOO_FAR_IN_FUTURE}  # of exemplars, too
    assert {code for code, count in worded.items() if count > 1} == both
    assert set(codes.values()) - set(worded) == {reasons.OK, reasons.CORRUPT, reasons.DROPPED}


def test_texts_of_series_reasons_are_made() -> None:
    for reason, describe in SERIES_REASONS.values():
        assert reason in REASONS
        assert describe(OPTIONS)


def test_rejects_count_samples_by_reason() -> None:
    batch = batch_of(
        [
            ({"__name__": "a"}, [(1, 1.0), (2, 1.0)]),
            ({"__name__": "b"}, [(1, 1.0)]),
            ({"__name__": "c"}, [(1, 1.0), (2, 1.0), (3, 1.0)]),
        ]
    )
    refs = np.array([-1 - NOT_UTF8, 0, -1 - TABLE_FULL], np.int32)
    rejects = {r.reason: r for r in series_rejects(batch, refs, OPTIONS)}
    assert {reason: r.count for reason, r in rejects.items()} == {
        "label_invalid": 2,
        "series_limit": 3,
    }
    assert '{__name__="c"}' in rejects["series_limit"].message
    assert "storage.max-series" in rejects["series_limit"].message
    assert series_rejects(batch, np.zeros(3, np.int32), OPTIONS) == []


def test_labels_are_shown_as_they_came_and_cut() -> None:
    odd = raw_batch(series_of(label(b"b", b"\xff\n"), label(b"a", b"")))
    assert label_text(odd, 0) == '{b="\ufffd?", a=""}'
    many = batch_of([({"__name__": "x" * 1000, "y": "z"}, [(1, 1.0)])])
    assert len(label_text(many, 0)) == EXAMPLE_CHARS_MAX
    assert label_text(raw_batch(series_of()), 0) == "{}"


@pytest.mark.parametrize(
    ("places", "refs", "points"),
    [
        ([0, REPEATED, 7, COPY], [0, 1], 0),
        ([REFUSED, 1, REFUSED, 2], [0, 1], 2),
        ([REFUSED, REFUSED, UNSOUND, 2], [0, 1], 2),
        ([3, REFUSED, 4, REFUSED], [0, 1], 1),
        ([REFUSED, REFUSED, 4, 5], [-1 - NOT_UTF8, 1], 1),
        ([REFUSED, REFUSED, 4, 5], [DROPPED_REF, 1], 0),
    ],
)
def test_data_points_are_lost_with_any_of_their_samples(
    places: list[int], refs: list[int], points: int
) -> None:
    batch = batch_of([({"__name__": name}, [(1, 1.0), (2, 2.0)]) for name in "ab"])
    found = np.array(places), np.array(refs, np.int32)
    assert refused_points(batch, found[1], found[0]) == 0, "no one asks"
    batch.points = np.array([5, 5, 9, NO_POINT])
    assert refused_points(batch, found[1], found[0]) == points
    assert refused_points(batch, found[1], None) == 0
