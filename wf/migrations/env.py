"""Alembic's entry: runs the migrations on the connection that `migrate` hands over, or writes them as SQL."""

from __future__ import annotations

from alembic import context

from wf.tables import SCHEMA, metadata

connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        version_table_schema=SCHEMA,
        literal_binds=True,
        output_buffer=context.config.output_buffer,
    )
else:
    context.configure(connection=connection, target_metadata=metadata, version_table_schema=SCHEMA)
with context.begin_transaction():
    context.run_migrations()
