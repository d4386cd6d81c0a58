"""Open what an address names: an MLflow server, or its database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.loop.importing.model import Source

__all__ = ["open_source"]


def open_source(url: str, artifacts: Path | None = None) -> Source:
    """Return the source at an address; close it when done.

    Args:
        url: ``http://…`` or ``https://…`` of a server, ``sqlite:///mlflow.db`` or ``postgresql://…``.
        artifacts: the folder of a database's artifacts, the only one that is read; default: the
            folder that a SQLite file lies in, the working directory for PostgreSQL.

    Raises:
        DeclarationError: it is no such address.
        NotFoundError: there is no such file, or no MLflow in it.
        StoreError: the database does not answer.
    """
    if url.startswith(("http://", "https://")):
        from lapwise.loop.importing.connection import Connection
        from lapwise.loop.importing.server import MlflowServer

        return MlflowServer(Connection(url))
    from lapwise.loop.importing.database import MlflowDatabase
    from lapwise.store.database import sqlite_path
    from lapwise.store.mlflow_tables import MlflowTables

    tables = MlflowTables(url)
    file = sqlite_path(url)
    beside = file.resolve().parent if file else Path.cwd()
    return MlflowDatabase(tables, artifacts or beside, named=artifacts is not None)
