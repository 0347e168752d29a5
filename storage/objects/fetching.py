"""Fetching an object as a file: piece by piece, a few at once, so that memory is bounded."""

from pathlib import Path

from storage.objects.store import ObjectStore, Range

PIECE_BYTES = 8 << 20
PIECES_AT_ONCE = 4


def fetch(store: ObjectStore, name: str, size: int, target: Path) -> None:
    """Write the first `size` bytes of an object to a file. Raises ObjectMissing, StoreFailed, and
    OSError of the file; what was written then stays."""
    starts = range(0, size, PIECE_BYTES)
    ranges = [Range(name, s, min(s + PIECE_BYTES, size)) for s in starts]
    with open(target, "wb") as file:
        for first in range(0, len(ranges), PIECES_AT_ONCE):
            for part in store.get_ranges(ranges[first : first + PIECES_AT_ONCE]):
                file.write(part)
