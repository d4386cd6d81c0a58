"""What Alembic runs: the migrations, on the connection that it was handed, in one transaction."""

from __future__ import annotations

from alembic import context

from lapwise.store.schema import metadata

if hasattr(context, "config"):  # Alembic is running; anyone may import this file, as doctest does
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        transactional_ddl=True,
    )
    context.run_migrations()
