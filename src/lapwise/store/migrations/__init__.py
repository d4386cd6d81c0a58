"""The database's history, run by Alembic; a revision never changes once released."""

from __future__ import annotations

__all__: list[str] = []
