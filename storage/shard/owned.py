"""What a process has of each of its shards, by their numbers."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from storage.errors import Elsewhere

T = TypeVar("T")


class Owned(Generic[T]):
    """Grows while shards are opened. Iterating gives what there is by the order of shards."""

    def __init__(self) -> None:
        self._of: dict[int, T] = {}

    def add(self, shard: int, value: T) -> None:
        self._of[shard] = value

    def __getitem__(self, shard: int) -> T:
        """Raises Elsewhere."""
        found = self._of.get(shard)
        if found is None:
            raise Elsewhere(f"shard {shard} belongs to another process of this server (processes)")
        return found

    def __contains__(self, shard: object) -> bool:
        return shard in self._of

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._of.values()))

    def __len__(self) -> int:
        return len(self._of)
