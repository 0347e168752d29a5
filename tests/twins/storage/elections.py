"""A plain twin of the elections of replicas."""

from __future__ import annotations

from collections.abc import Hashable


class NaiveElections:
    """The elected replica of each series and its newest sample, by the rule of the failover."""

    def __init__(self, failover: int) -> None:
        self.failover = failover
        self.elected: dict[Hashable, tuple[Hashable, int]] = {}

    def begin_term(self) -> None:
        self.elected.clear()

    def is_copy(
        self, series: Hashable, replica: Hashable, time: int, *, accepted: bool = True
    ) -> bool:
        """Judge one sample."""
        holder, newest = self.elected.get(series, (replica, time))
        if holder != replica and accepted and time - newest >= self.failover:
            self.elected[series] = (replica, time)
            return False
        if holder == replica and accepted:
            self.elected[series] = (replica, max(newest, time))
        return holder != replica
