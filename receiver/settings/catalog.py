"""The server of the catalog that the settings name."""

import os
import socket
from pathlib import Path

from prometheus_client import CollectorRegistry

from receiver.settings.config import Config, ConfigError
from receiver.version import program_version
from storage.catalog.engines.postgresql import public_name
from storage.catalog.options import CatalogOptions
from storage.catalog.owning.metrics import OwnerMetrics
from storage.catalog.owning.opening import CatalogServer
from storage.errors import CatalogConfigError

URL_BYTES_MAX = 1 << 16


def url_of(options: CatalogOptions) -> str:
    """The URL of the settings, or of the file that they name; "" without one. Raises
    ConfigError."""
    if options.url and options.url_file:
        raise ConfigError("catalog.url and catalog.url-file exclude each other")
    url = options.url
    if options.url_file:
        try:
            with Path(options.url_file).open("rb") as file:
                url = file.read(URL_BYTES_MAX).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"catalog.url-file: cannot be read: {error}") from error
        if not url:
            raise ConfigError(f"catalog.url-file: {options.url_file} is empty")
    if url:
        try:
            public_name(url)
        except CatalogConfigError as error:
            raise ConfigError(str(error)) from error
    return url


def check_catalog(config: Config) -> None:
    """Raises ConfigError."""
    if not url_of(config.catalog):
        return
    if config.program.role == "query":
        raise ConfigError(
            "role: got 'query'; allowed is 'all' with a catalog on a server (catalog.url)"
        )
    if config.program.processes > 1:
        raise ConfigError(
            f"processes: got {config.program.processes}; allowed is 1 with a catalog on a server "
            "(catalog.url)"
        )


def catalog_of(config: Config, registry: CollectorRegistry) -> CatalogServer | None:
    """The server of the settings; None: the catalog is in the data directory. Raises
    ConfigError."""
    url, metrics = url_of(config.catalog), OwnerMetrics(registry)
    if not url:
        return None
    name = f"{socket.gethostname()}:{os.getpid()}"
    return CatalogServer(url, config.catalog, metrics, name, program_version())
