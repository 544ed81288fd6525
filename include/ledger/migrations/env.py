"""Alembic's entry: runs migrations on the connection that `include.ledger.migrate` gives."""

from alembic import context

from include.ledger.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("use `python -m include.ledger migrate`")
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
