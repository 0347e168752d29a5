"""What is due when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.ruler.agenda import Agenda

PUTS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 20)))


@given(PUTS, st.integers(0, 20), st.sets(st.sampled_from("abcd")))
def test_the_last_time_counts(puts: list[tuple[str, int]], now: int, dropped: set[str]) -> None:
    agenda: Agenda[str] = Agenda()
    for thing, due in puts:
        agenda.put(thing, due)
    for thing in dropped:
        agenda.drop(thing)
    last = {thing: due for thing, due in dict(puts).items() if thing not in dropped}
    due = list(agenda.take_due(now))
    assert sorted(due) == sorted(thing for thing, at in last.items() if at <= now)
    assert [last[thing] for thing in due] == sorted(last[thing] for thing in due)
    assert list(agenda.take_due(now)) == []
    rest = [at for at in last.values() if at > now]
    assert (agenda.next_ms() or 0) <= min(rest, default=10**9)
    assert sorted(agenda.take_due(10**9)) == sorted(t for t, at in last.items() if at > now)
    assert agenda.next_ms() is None
