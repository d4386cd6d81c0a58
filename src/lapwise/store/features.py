"""Who declares features and who uses them, how fresh they are online, and what verifying found."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select

from lapwise.core.digest import Digest
from lapwise.core.feature import Declared, FeatureUse, Verification, ViewFreshness
from lapwise.core.model import ModelVersion
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.keyset import beyond

__all__ = ["SqlFeatures"]

_DECLARED = schema.feature_declared.c
_FRESH = schema.view_freshness.c
_PROOF = schema.verification.c
_VERSION = schema.model_version.c
_HOLDS = schema.version_blob.c
_PRESENT = _VERSION.marks.not_like('%"deleted"%')


class SqlFeatures:
    """Implements :class:`lapwise.store.feature_noun.Features`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def declare(self, declared: Sequence[Declared]) -> None:
        """Keep what a page declares now, by (loop, digest), in one transaction.

        All get one ``turn``, greater than any before. Of what was declared before, the ``declared``
        time stays, and the rest is as said now.
        """
        if not declared:
            return
        with self._database.write() as connection:
            self._database.serialise(connection, "features")
            turn = (connection.scalar(select(func.max(_DECLARED.turn))) or 0) + 1
            rows = []
            for one in declared:
                key = (_DECLARED.loop == one.loop) & (_DECLARED.digest == one.digest)
                body = connection.scalar(select(_DECLARED.body).where(key))
                first = one.declared if body is None else decode(body, Declared).declared
                kept = msgspec.structs.replace(one, declared=first, turn=turn)
                rows.append(
                    {
                        "loop": one.loop,
                        "digest": one.digest,
                        "name": one.name,
                        "turn": turn,
                        "body": encode(kept),
                    }
                )
            crossing("row", "before")
            self._database.replace(connection, schema.feature_declared, rows)

    def list(
        self, loop: str | None = None, *, name: str | None = None, limit: int = 1000
    ) -> Sequence[Declared]:
        """Return what loops declare and declared, the latest said first, then by name."""
        order = (_DECLARED.turn.desc(), _DECLARED.name, _DECLARED.loop, _DECLARED.digest)
        query = select(_DECLARED.body).order_by(*order).limit(limit)
        if loop is not None:
            query = query.where(_DECLARED.loop == loop)
        if name is not None:
            query = query.where(_DECLARED.name == name)
        with self._database.read() as connection:
            return [decode(body, Declared) for body in connection.scalars(query)]

    def users(self, digest: Digest, *, limit: int = 100) -> Sequence[FeatureUse]:
        """Return the model versions that were trained on a definition, newest first."""
        query = (
            select(_VERSION.body, _VERSION.model, _VERSION.stage)
            .join(schema.version_blob, _HOLDS.version == _VERSION.id)
            .where(_HOLDS.digest == digest, _PRESENT)
            .order_by(_VERSION.created.desc(), _VERSION.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            found = [
                (decode(row.body, ModelVersion), row.model, row.stage)
                for row in connection.execute(query)
            ]
        return [
            FeatureUse(
                digest=digest,
                model=model,
                number=version.number,
                version=version.id,
                stage=stage,
                created=version.created,
                run=version.lineage.run,
                lap=version.lineage.lap,
                frame=version.lineage.frame,
            )
            for version, model, stage in found
            if any(part.digest == digest for part in version.lineage.views)
        ]

    def note(self, seen: Sequence[ViewFreshness]) -> None:
        """Keep how fresh views are online, by (loop, digest); what was noted before is replaced."""
        if not seen:
            return
        rows = [
            {"loop": one.loop, "digest": one.digest, "noted": one.noted, "body": encode(one)}
            for one in seen
        ]
        with self._database.write() as connection:
            crossing("row", "before")
            self._database.replace(connection, schema.view_freshness, rows)

    def freshness(
        self, loop: str | None = None, *, digest: Digest | None = None, limit: int = 1000
    ) -> Sequence[ViewFreshness]:
        """Return how fresh views were when last noted, the latest noted first."""
        query = select(_FRESH.body).order_by(_FRESH.noted.desc(), _FRESH.loop, _FRESH.digest)
        query = query.limit(limit)
        if loop is not None:
            query = query.where(_FRESH.loop == loop)
        if digest is not None:
            query = query.where(_FRESH.digest == digest)
        with self._database.read() as connection:
            return [decode(body, ViewFreshness) for body in connection.scalars(query)]

    def prove(self, verification: Verification) -> Verification:
        """Keep a verification, and give it its ``number`` in its model; same id, the one there."""
        model = verification.model
        with self._database.write() as connection:
            self._database.serialise(connection, f"verification:{model}")
            body = connection.scalar(select(_PROOF.body).where(_PROOF.id == verification.id))
            if body is not None:
                return decode(body, Verification)
            last = connection.scalar(select(func.max(_PROOF.number)).where(_PROOF.model == model))
            kept = msgspec.structs.replace(verification, number=(last or 0) + 1)
            crossing("row", "before")
            connection.execute(
                schema.verification.insert().values(
                    id=kept.id, model=model, number=kept.number, at=kept.at, body=encode(kept)
                )
            )
        return kept

    def proofs(
        self, model: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[Verification]:
        """Return verifications, newest first; those that come after the one with the id ``after``.

        Of a model the last done comes first, of all models the latest in the world's time.
        """
        query = select(_PROOF.body).limit(limit)
        order = [(_PROOF.at, True), (_PROOF.number, True), (_PROOF.model, False)]
        if model is not None:
            query, order = query.where(_PROOF.model == model), [(_PROOF.number, True)]
        with self._database.read() as connection:
            query = beyond(connection, query, _PROOF.id, after, *order)
            return [decode(body, Verification) for body in connection.scalars(query)]
