"""Catalogs on a server of the tests."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from storage.catalog.options import CatalogOptions
from storage.catalog.owning.metrics import OwnerMetrics
from storage.catalog.owning.opening import CatalogServer, OwnedCatalog, open_owned


def server_of(url: str, name: str = "tests", **options: int) -> CatalogServer:
    """A server of the settings `catalog.`, with metrics of its own."""
    metrics = OwnerMetrics(CollectorRegistry())
    return CatalogServer(url, CatalogOptions(**options), metrics, name, "1.2.3")


def owned(url: str, data: Path, *, shards: int = 4, **options: int) -> OwnedCatalog:
    """Opened without waiting for anyone, unless the options say so."""
    data.mkdir(exist_ok=True)
    return open_owned(server_of(url, **{"start_timeout_ms": 0} | options), data, shards)
