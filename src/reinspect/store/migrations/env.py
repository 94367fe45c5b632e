"""Run by Alembic, on the connection that `reinspect.store.database` hands over."""

from alembic import context

from reinspect.store.database import VERSION_TABLE
from reinspect.store.tables import StoreTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=StoreTable.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
