"""Matched series by replica groups: all of it that no query changes."""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Int64s
from storage.labels.frames import NO_QUERY, LabelFrame
from storage.series.replica_groups import Grouping


@dataclass(frozen=True, slots=True)
class Replicas:
    """Series group by group, as a Grouping puts them.

    refs, stored: each series, in that order; joined: one row for each group, without the replica
    labels; order, members, names: those of the Grouping. largest: members of the largest group. The
    frames are those of no query.
    """

    refs: Int64s
    stored: LabelFrame
    joined: LabelFrame
    order: Int64s
    members: Int64s
    names: tuple[str, ...]
    largest: int

    @classmethod
    def of(cls, grouping: Grouping, refs: Int64s, labels: LabelFrame) -> "Replicas":
        order, members, names = grouping.order, grouping.members, grouping.names
        stored = labels.take(order)
        joined = stored.take(members[:-1]).drop(names)
        return cls(
            refs[order],
            stored.in_query(NO_QUERY),
            joined.in_query(NO_QUERY),
            order,
            members,
            names,
            int(np.diff(members).max()),
        )
