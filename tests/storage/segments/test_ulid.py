"""ULIDs are well-formed, carry their time and sort by it."""

import pytest

from storage.segments.ulid import TIME_MS_MAX, is_ulid, new_ulid, ulid_time_ms


@pytest.mark.parametrize("time_ms", [0, 1, 1_700_000_000_000, TIME_MS_MAX])
def test_ulid_carries_its_time(time_ms: int) -> None:
    ulid = new_ulid(time_ms)
    assert is_ulid(ulid) and len(ulid) == 26
    assert ulid_time_ms(ulid) == time_ms
    assert new_ulid(time_ms) != ulid


def test_time_of_the_specification() -> None:
    assert new_ulid(1469918176385).startswith("01ARYZ6S41")


def test_ulids_sort_by_time() -> None:
    ulids = [new_ulid(t) for t in range(0, 10**13, 10**11)]
    assert ulids == sorted(ulids)


@pytest.mark.parametrize(
    "text", ["", "01ARYZ6S41", "81ARYZ6S410000000000000000", "01aryz6s410000000000000000",
             "01ARYZ6S41000000000000000U", "01ARYZ6S410000000000000000.tmp"],
)  # fmt: skip
def test_other_texts_are_no_ulids(text: str) -> None:
    assert not is_ulid(text)
