"""The migrations lead to exactly the tables that the schema describes, and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage.catalog.engines.sqlite import sqlite_engine
from storage.catalog.migrating import MIGRATIONS
from storage.catalog.schema import metadata
from tests.makers.postgresql.shared import shared_server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "c.sqlite")
    else:
        url = shared_server().new_database().replace("postgresql:", "postgresql+psycopg:")
        engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def migrate(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        step = command.downgrade if revision == "base" else command.upgrade
        step(config, revision)


def test_migrations_make_the_schema(engine: sa.Engine) -> None:
    migrate(engine, "head")
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert sorted(sa.inspect(connection).get_table_names()) == sorted(
            [*metadata.tables, "alembic_version"]
        )


def test_migrations_can_be_undone(engine: sa.Engine) -> None:
    migrate(engine, "head")
    migrate(engine, "base")
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]


def test_migrations_are_one_line() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert len(script.get_heads()) == 1
    assert [step.revision for step in script.walk_revisions()][-1] == "0001"
