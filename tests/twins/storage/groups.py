"""Replica groups in plain Python: the specification of storage/series/replica_groups.py."""

from __future__ import annotations

from collections.abc import Sequence


def replica_groups(
    labelsets: Sequence[dict[str, str]], replica_labels: Sequence[str]
) -> list[list[int]]:
    """The rows that are equal but for replica labels, as they are sorted by these; groups in the
    order of their first row."""
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for row, labels in enumerate(labelsets):
        rest = tuple(sorted(pair for pair in labels.items() if pair[0] not in replica_labels))
        groups.setdefault(rest, []).append(row)

    def replica(row: int) -> list[tuple[bytes, bytes]]:
        pairs = labelsets[row].items()
        return sorted((n.encode(), v.encode()) for n, v in pairs if n in replica_labels)

    return [sorted(rows, key=replica) for rows in groups.values()]
