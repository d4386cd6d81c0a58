"""The cache of step results."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from lapwise.core.digest import Digest
from lapwise.core.model import StepResult
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.schema import step_result

__all__ = ["SqlSteps"]

_BY_KEY = select(step_result.c.body).where(step_result.c.key == bindparam("key"))


class SqlSteps:
    """Implements :class:`lapwise.store.model.Steps`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add = database.insert_once(step_result)

    def get(self, key: Digest) -> StepResult | None:
        """Return the result for a key, or None."""
        with self._database.read() as connection:
            body = connection.scalar(_BY_KEY, {"key": key})
        return None if body is None else decode(body, StepResult)

    def add(self, result: StepResult) -> StepResult:
        """Keep a result; of two racing for one key the first is kept and returned to both."""
        with self._database.write() as connection:
            crossing("row", "before")
            connection.execute(
                self._add, {"key": result.key, "step": result.step, "body": encode(result)}
            )
            return decode(connection.scalars(_BY_KEY, {"key": result.key}).one(), StepResult)

    def last(self, step: str) -> StepResult | None:
        """Return the newest result of a step by name, to say what changed since."""
        query = select(step_result.c.body).where(step_result.c.step == step)
        with self._database.read() as connection:
            body = connection.scalar(query.order_by(step_result.c.id.desc()).limit(1))
        return None if body is None else decode(body, StepResult)
