"""The version of the catalog's tables, and the migrations that bring older ones up to date.

Nearly every catalog that is opened has the newest tables already, or none. Alembic, which takes as
long to load as all of the storage and stays in memory, is for the others.
"""

import logging
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from storage.catalog.schema import metadata
from storage.errors import FormatError

MIGRATIONS = Path(__file__).with_name("migrations")
# Where Alembic notes the version.
VERSION_TABLE = "alembic_version"
versions = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def migrate(connection: Connection, name: str) -> None:
    """Bring the tables up to date, in the transaction of this connection; name: for errors.

    Raises FormatError if they are of a version that this program does not know.
    """
    if not inspect(connection).get_table_names():
        make_tables(connection)
    elif version_of(connection) != newest_version():
        run_migrations(connection, name)


def make_tables(connection: Connection) -> None:
    """What all migrations would make of an empty database."""
    metadata.create_all(connection)
    versions.create(connection)
    connection.execute(insert(versions).values(version_num=newest_version()))


def version_of(connection: Connection) -> str | None:
    """The version that the tables have; None where there are none, or where it is in doubt."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(select(versions.c.version_num)).scalars().all()
    return found[0] if len(found) == 1 else None


def newest_version() -> str:
    """The version of the last migration there is: their files are named by their numbers."""
    return max(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9]*.py"))


def run_migrations(connection: Connection, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    # Two lines at every migration that say nothing.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise FormatError(
            f"the catalog {name} is of a version that this program does not know: {error}"
        ) from error
