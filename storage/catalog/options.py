"""The start-up settings of the catalog. Loading this module loads neither SQLAlchemy nor a
driver."""

from dataclasses import dataclass

from storage.options import HOUR_MS, MINUTE_MS, setting

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class CatalogOptions:
    """Settings under `catalog.`; all are fixed at start-up."""

    url_file: str = setting(
        "url-file",
        "text",
        "",
        "File with the URL of a PostgreSQL database for the catalog, in the form of "
        "postgresql://user:password@host/database; none: it is in the data directory.",
    )
    url: str = setting("url", "text", "", "The contents of such a file, in place of a file.")
    connections_max: int = setting(
        "max-connections",
        "integer",
        8,
        "Connections to PostgreSQL that may be open at a time, beside one for the lease.",
        (1, 100),
    )
    timeout_ms: int = setting(
        "timeout",
        "duration",
        10 * SECOND_MS,
        "How long a connection to PostgreSQL, a statement or a lock may take.",
        (SECOND_MS, HOUR_MS),
    )
    start_timeout_ms: int = setting(
        "start-timeout",
        "duration",
        MINUTE_MS,
        "How long a start waits for PostgreSQL, or for another server's lease to end.",
        (0, HOUR_MS),
    )
    lease_ms: int = setting(
        "lease",
        "duration",
        15 * SECOND_MS,
        "How long PostgreSQL keeps the catalog for a server that it does not hear of.",
        (3 * SECOND_MS, HOUR_MS),
    )
