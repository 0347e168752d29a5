"""Alembic's entry: runs the migrations on the connection and in the transaction of the catalog."""

from alembic import context

from storage.catalog.schema import metadata

# SQLite rolls back table changes too, as long as the driver does not commit behind our back, which
# storage/catalog/catalog.py sees to. So a migration is done whole or not at all.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
