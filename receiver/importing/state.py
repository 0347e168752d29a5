"""What of an import is done, in a file, so that a broken import goes on where it ended.

The file is JSON: for each import, named by its source, target and tenant, how far each unit is
read. It is replaced as a whole, and forgotten piece by piece by those who delete it: writing twice
changes nothing in a database.
"""

import json
import os
from pathlib import Path

from receiver.importing.errors import ImportFailed


class State:
    """The positions of one import. Nothing is kept without a file."""

    def __init__(self, path: Path | None, key: str) -> None:
        """Raises ImportFailed if the file is there and is none of these."""
        self._path = path
        self._key = key
        self._all = {} if path is None else read(path)
        self.done: dict[str, int] = dict(self._all.get(key, {}))

    def set(self, unit: str, position: int) -> None:
        """Everything of the unit before the position is durable."""
        self.done[unit] = position

    def save(self) -> None:
        """Make it durable."""
        if self._path is None:
            return
        self._all[self._key] = self.done
        temporary = self._path.with_name(self._path.name + ".tmp")
        try:
            with temporary.open("w") as file:
                json.dump(self._all, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            raise ImportFailed(f"{self._path} cannot be written: {error.strerror}") from error


def read(path: Path) -> dict[str, dict[str, int]]:
    """All imports of a file; none if there is no file."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        return {key: {u: int(p) for u, p in done.items()} for key, done in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ImportFailed(f"{path} is no state of an import: {error}") from error
