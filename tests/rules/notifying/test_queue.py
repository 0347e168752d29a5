"""The queue of one Alertmanager: what stays, what goes first, and what is known of its delivery."""

import pytest

from rules.notifying.queue import Delivery, Item, Queue

NOW = 1_000_000_000


def item(name: str, message: str = "", end_ms: int = NOW) -> Item:
    key = (("alertname", name),)
    return Item(key, (message or name).encode(), end_ms, Delivery(key))


def messages(items: list[Item]) -> list[str]:
    return [each.message.decode() for each in items]


def taken(queue: Queue, count: int = 100) -> list[str]:
    return messages(queue.take(count, NOW)[0])


def test_items_are_taken_in_their_order_by_batches() -> None:
    queue = Queue(10, 1_000)
    assert queue.put([item(name) for name in "abcde"]) == 0
    assert (taken(queue, 2), taken(queue, 2), taken(queue, 2), taken(queue, 2)) == (
        ["a", "b"], ["c", "d"], ["e"], [],
    )  # fmt: skip


def test_the_latest_notice_of_an_alert_takes_the_place_of_the_older_one() -> None:
    queue = Queue(10, 1_000)
    queue.put([item("a", "a1"), item("b", "b1"), item("a", "a2")])
    queue.put([item("b", "b2")])
    assert taken(queue) == ["a2", "b2"]


@pytest.mark.parametrize(
    ("items_max", "bytes_max", "dropped", "left"),
    [
        (5, 100, 0, ["aa", "bb", "cc", "dd", "ee"]),
        (3, 100, 2, ["cc", "dd", "ee"]),
        (1, 100, 4, ["ee"]),
        (5, 9, 1, ["bb", "cc", "dd", "ee"]),
        (5, 4, 3, ["dd", "ee"]),
        (5, 1, 5, []),
    ],
)
def test_where_there_is_no_room_the_oldest_are_dropped(
    items_max: int, bytes_max: int, dropped: int, left: list[str]
) -> None:
    queue = Queue(items_max, bytes_max)
    assert queue.put([item(name, name * 2) for name in "abcde"]) == dropped
    assert len(queue) == len(left)
    assert taken(queue) == left


def test_replacing_and_taking_gives_room_back() -> None:
    queue = Queue(10, 10)
    queue.put([item("a", "a" * 8)])
    assert queue.put([item("a", "a"), item("b", "b" * 9)]) == 0
    assert taken(queue) == ["a", "b" * 9]
    assert queue.put([item("c", "c" * 10)]) == 0


def test_what_failed_goes_back_to_the_front_but_for_what_is_newer() -> None:
    queue = Queue(10, 1_000)
    queue.put([item(name, f"{name}1") for name in "abc"])
    batch, _ = queue.take(2, NOW)
    queue.put([item("a", "a2"), item("d", "d1")])
    assert queue.failed(batch) == 0
    assert taken(queue) == ["b1", "c1", "a2", "d1"]


def test_what_failed_and_has_no_room_any_more_is_dropped() -> None:
    queue = Queue(3, 1_000)
    queue.put([item(name) for name in "abc"])
    batch, _ = queue.take(2, NOW)
    queue.put([item("d"), item("e")])
    assert queue.failed(batch) == 2
    assert taken(queue) == ["c", "d", "e"]


@pytest.mark.parametrize(("age_ms", "expired"), [(0, 0), (15 * 60_000, 0), (15 * 60_000 + 1, 1)])
def test_what_ended_long_ago_is_not_taken(age_ms: int, expired: int) -> None:
    queue = Queue(10, 1_000)
    queue.put([item("old", end_ms=NOW - age_ms), item("new")])
    items, dropped = queue.take(10, NOW)
    assert dropped == expired
    assert messages(items) == ["old", "new"][expired:]


def test_an_alert_is_undelivered_until_one_alertmanager_has_its_latest_notice() -> None:
    here, there = Queue(10, 1_000), Queue(10, 1_000)
    first, other = item("a"), item("b")
    for queue in (here, there):
        queue.put([first, other])
    assert here.undelivered() == {first.identity, other.identity}
    batch, _ = here.take(1, NOW)
    assert here.undelivered() == {first.identity, other.identity}, "it is only on its way"
    here.done(batch, delivered=True)
    assert (here.undelivered(), there.undelivered()) == ({other.identity}, {other.identity})
    newer = item("a", "again")
    there.put([newer])
    assert there.undelivered() == {first.identity, other.identity}


def test_what_is_refused_for_good_is_neither_waiting_nor_delivered() -> None:
    here, there = Queue(10, 1_000), Queue(10, 1_000)
    only = item("a")
    here.put([only])
    there.put([only])
    here.done(here.take(1, NOW)[0], delivered=False)
    assert (here.undelivered(), there.undelivered()) == (set(), {only.identity})
