"""What is said about refused samples."""

from __future__ import annotations

import numpy as np

from storage import reasons
from storage.options import StorageOptions
from storage.reasons import CORRUPT, NOT_UTF8, TABLE_FULL
from storage.refusals.samples import (
    EXAMPLE_CHARS_MAX,
    REASONS,
    SERIES_REASONS,
    label_text,
    series_rejects,
)
from tests.makers.batches import batch_of, label, raw_batch, series_of

OPTIONS = StorageOptions()


def test_every_reason_of_the_kernels_has_words() -> None:
    codes = {
        value
        for name, value in vars(reasons).items()
        if name.isupper() and isinstance(value, int) and not name.startswith("_")
    }
    known = codes & set(range(2, 20))
    assert set(SERIES_REASONS) <= known
    for code, (reason, describe) in SERIES_REASONS.items():
        assert code > CORRUPT
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
