"""Work on a data directory that is only read, which a server may have open.

Segments are read while the work goes on. If a server compacts some away meanwhile, or the samples
of some leave the disk, all is done again on what is there then.
"""

from collections.abc import Callable
from typing import TypeVar

from receiver.settings.algorithms import pairs_of
from receiver.settings.bucket import reading_bucket
from receiver.settings.config import Config
from receiver.wire.columns import replay_limits_of
from receiver.wire.decoder import WriteDecoder
from storage.errors import FormatError
from storage.read_only import ReadOnlyDatabase

ATTEMPTS = 5
Result = TypeVar("Result")


def read_directory(
    config: Config, work: Callable[[ReadOnlyDatabase], Result], attempts: int = ATTEMPTS
) -> Result:
    """What the work gives on the directory of the settings, and on its bucket if they name one.

    Raises StorageError if it cannot be read, and ConfigError.
    """
    decoder = WriteDecoder(replay_limits_of(config.write))
    with reading_bucket(config) as bucket:
        for attempt in range(1, attempts + 1):
            database = ReadOnlyDatabase(
                config.storage, decoder.decode, pairs_of(config.dedup), bucket
            )
            try:
                return work(database)
            except FormatError:
                if attempt == attempts or database.is_current():
                    raise
            finally:
                database.close()
    raise AssertionError("BUG: out of attempts")
