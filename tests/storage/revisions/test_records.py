"""Only tenants that someone watches have records, and a bounded number of them."""

from __future__ import annotations

import numpy as np

from storage.revisions.records import Records

WHOLE = (0, 1 << 40)
ONE = np.array([5], np.int64)


def test_a_record_learns_of_its_tenant_only() -> None:
    records = Records()
    first, second = records.of(1, 0), records.of(2, 0)
    assert records.of(1, 0) is first
    records.note_samples(1, ONE, WHOLE, 0)
    records.note_samples(3, ONE, WHOLE, 0)
    assert (first.revision, second.revision) == (1, 0)
    records.note_deletion(2, (1, 9), "deletion")
    records.note_deletion(3, (1, 9), "deletion")
    assert (first.revision, second.revision) == (1, 1)
    records.note_span((1, 9), "segments")
    records.note_all("damage")
    assert (first.revision, second.revision) == (3, 3)


def test_the_record_that_was_not_asked_for_longest_goes() -> None:
    records = Records(records_max=2)
    first, second = records.of(1, 0), records.of(2, 0)
    records.of(1, 0)
    records.of(3, 0)
    assert records.is_kept(1, first)
    assert not records.is_kept(2, second)
    assert records.of(2, 0) is not second
