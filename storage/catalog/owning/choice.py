"""The catalog of a data directory, wherever it is."""

import os
from pathlib import Path

from storage.catalog.catalog import Catalog
from storage.catalog.owning.installation import refuse_without_url
from storage.catalog.owning.opening import CatalogServer, open_owned
from storage.files import OPENING_LOCK, catalog_file, wait_for_lock
from storage.tenants.placement import Share


def open_catalog(data: Path, shards: int, share: Share, server: CatalogServer | None) -> Catalog:
    """The catalog of a data directory; one process after the other where several share it, because
    what makes a new one, or brings it up to date, is not meant to be done twice at a time."""
    if server is not None:
        return open_owned(server, data, shards, own=share.shards)
    refuse_without_url(data)
    descriptor = wait_for_lock(data / OPENING_LOCK) if share.count > 1 else -1
    try:
        return Catalog.open(catalog_file(data), shards=shards)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
