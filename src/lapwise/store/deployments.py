"""Which versions answer, revision by revision."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from lapwise.core.deployment import Deployment
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode

__all__ = ["SqlDeployments"]

_DEPLOYMENT = schema.deployment.c


class SqlDeployments:
    """Implements :class:`lapwise.store.live.Deployments`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, deployment: Deployment) -> Deployment:
        """Keep a deployment and give it the next ``revision`` of its model.

        Equal to the newest but for ``revision``, ``at`` and ``reason``, that one is returned.
        """
        with self._database.write() as connection:
            self._database.serialise(connection, f"deployment:{deployment.model}")
            last = _newest(connection, deployment.model)
            if last is not None and _content(last) == _content(deployment):
                return last
            revision = (last.revision if last else 0) + 1
            deployment = msgspec.structs.replace(deployment, revision=revision)
            crossing("row", "before")
            connection.execute(
                schema.deployment.insert().values(
                    model=deployment.model, revision=revision, body=encode(deployment)
                )
            )
        return deployment

    def newest(self, model: str) -> Deployment | None:
        """Return the deployment in force, or None."""
        with self._database.read() as connection:
            return _newest(connection, model)

    def list(
        self, model: str | None = None, *, limit: int = 100, below: int | None = None
    ) -> Sequence[Deployment]:
        """Return deployments, newest first; of a model those with ``revision < below``."""
        query = select(_DEPLOYMENT.body).order_by(_DEPLOYMENT.id.desc()).limit(limit)
        if model is not None:
            query = select(_DEPLOYMENT.body).where(_DEPLOYMENT.model == model)
            query = query.order_by(_DEPLOYMENT.revision.desc()).limit(limit)
            if below is not None:
                query = query.where(_DEPLOYMENT.revision < below)
        with self._database.read() as connection:
            return [decode(body, Deployment) for body in connection.scalars(query)]


def _newest(connection: Connection, model: str) -> Deployment | None:
    query = select(_DEPLOYMENT.body).where(_DEPLOYMENT.model == model)
    body = connection.scalar(query.order_by(_DEPLOYMENT.revision.desc()).limit(1))
    return None if body is None else decode(body, Deployment)


def _content(deployment: Deployment) -> Deployment:
    return msgspec.structs.replace(deployment, revision=0, at=0, reason="")
