"""Hints are equal, and selects shared, if they are for the same."""

from storage.samples.hint import NO_HINT, OF_COUNTER, Purpose, SelectHint


def test_hints_are_keys() -> None:
    hourly = SelectHint(purpose=Purpose.TOTALS, resolution_ms=3_600_000)
    assert SelectHint() == NO_HINT and SelectHint(counter=True) == OF_COUNTER
    assert len({NO_HINT, OF_COUNTER, hourly, SelectHint(False, Purpose.TOTALS, 3_600_000)}) == 3
