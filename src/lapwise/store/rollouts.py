"""Versions on their way to users, one open way a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, func, select

from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.rollout import Rollout
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.keyset import beyond
from lapwise.store.nearest import nearest

__all__ = ["SqlRollouts"]

_NUMBER = re.compile(r"(?:rollout )?0*(\d{1,9})")
# As the index `uq_rollout_open` has it; a test holds that `Rollout.open` says the same.
_OPEN = ("shadow", "waiting", "canary")
_ROLLOUT = schema.rollout.c


class SqlRollouts:
    """Implements :class:`lapwise.store.live.Rollouts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, rollout: Rollout) -> Rollout:
        """Keep a new rollout and give it its ``number`` in its model; same id, the one that is there.

        Raises:
            ConflictError: another rollout of the model is open.
        """
        of_model = _ROLLOUT.model == rollout.model
        with self._database.write() as connection:
            self._database.serialise(connection, f"rollout:{rollout.model}")
            body = connection.scalar(select(_ROLLOUT.body).where(_ROLLOUT.id == rollout.id))
            if body is not None:
                return decode(body, Rollout)
            if rollout.open:
                _refuse_second(connection, rollout)
            last = connection.scalar(select(func.max(_ROLLOUT.number)).where(of_model))
            rollout = msgspec.structs.replace(rollout, number=(last or 0) + 1)
            crossing("row", "before")
            connection.execute(
                schema.rollout.insert().values(
                    id=rollout.id,
                    model=rollout.model,
                    number=rollout.number,
                    phase=rollout.phase,
                    started=rollout.started,
                    body=encode(rollout),
                )
            )
        return rollout

    def update(self, rollout: Rollout, *, seen: Rollout, act: str | None = None) -> Rollout:
        """Replace a rollout that still is as it was ``seen``; of two racing, one wins.

        Asked again with the same ``act`` (an id) before another's, it returns what is there.
        Model, number and start stay, whatever the caller's copy says.

        Raises:
            NotFoundError: there is no such rollout.
            ConflictError: it has changed since it was seen, or it would be the model's second open
                one.
        """
        with self._database.write() as connection:
            row = _ROLLOUT.id == rollout.id
            query = select(_ROLLOUT.body, _ROLLOUT.act).where(row).with_for_update()
            body, last = connection.execute(query).first() or (None, None)
            if body is None:
                raise NotFoundError(
                    "there is no rollout", value=rollout.id, fix="lapwise rollout status"
                )
            kept = decode(body, Rollout)
            if act and act == last:
                return kept
            if encode(kept) != _canonical(seen):
                raise ConflictError(
                    f"rollout {kept.number} of {kept.model} has changed since it was looked at",
                    value=f"{kept.phase}, {len(kept.history)} acts",
                    expected=f"{seen.phase}, {len(seen.history)} acts",
                    fix="lapwise rollout status, then decide anew",
                )
            if rollout.open and not kept.open:
                _refuse_second(connection, rollout)
            rollout = msgspec.structs.replace(
                rollout, model=kept.model, number=kept.number, started=kept.started
            )
            crossing("row", "before")
            connection.execute(
                schema.rollout.update()
                .where(row)
                .values(phase=rollout.phase, act=act, body=encode(rollout))
            )
        return rollout

    def get(self, reference: str, model: str | None = None) -> Rollout:
        """Return a rollout by id, or by number in a model; raises NotFoundError."""
        numbered = _NUMBER.fullmatch(reference)
        query = select(_ROLLOUT.body)
        if numbered:
            query = query.where(_ROLLOUT.number == int(numbered[1]))
        else:
            query = query.where(_ROLLOUT.id == reference)
        if model is not None:
            query = query.where(_ROLLOUT.model == model)
        with self._database.read() as connection:
            bodies = list(connection.scalars(query.limit(2)))
            if len(bodies) == 1:
                return decode(bodies[0], Rollout)
            models = sorted(connection.scalars(select(_ROLLOUT.model).distinct()))
        if bodies:
            raise NotFoundError(
                "more than one model has a rollout of this number",
                value=reference,
                expected="also the model: " + nearest(model or "", models),
                fix="lapwise rollout status",
            )
        where = f" of model '{model}'" if model is not None else ""
        known = nearest(model, models) if model is not None and model not in models else ""
        raise NotFoundError(
            f"there is no rollout{where}",
            value=reference,
            expected=known,
            fix="lapwise rollout status",
        )

    def open(self, model: str) -> Rollout | None:
        """Return the model's rollout that goes on, or None."""
        query = select(_ROLLOUT.body).where(_ROLLOUT.model == model, _ROLLOUT.phase.in_(_OPEN))
        with self._database.read() as connection:
            body = connection.scalar(query)
        return None if body is None else decode(body, Rollout)

    def list(
        self, model: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[Rollout]:
        """Return rollouts, newest first, those that come after the one with the id ``after``."""
        query = select(_ROLLOUT.body).limit(limit)
        order = [(_ROLLOUT.started, True), (_ROLLOUT.id, True)]
        if model is not None:
            query, order = query.where(_ROLLOUT.model == model), [(_ROLLOUT.number, True)]
        with self._database.read() as connection:
            query = beyond(connection, query, _ROLLOUT.id, after, *order)
            return [decode(body, Rollout) for body in connection.scalars(query)]


def _canonical(rollout: Rollout) -> str:
    """Return the text of a rollout as it would be read back (a whole number in a float's place)."""
    return encode(decode(encode(rollout), Rollout))


def _refuse_second(connection: Connection, rollout: Rollout) -> None:
    """Say whose way is open; the index refuses too, but could not say it."""
    query = select(_ROLLOUT.number, _ROLLOUT.phase).where(
        _ROLLOUT.model == rollout.model, _ROLLOUT.phase.in_(_OPEN), _ROLLOUT.id != rollout.id
    )
    row = connection.execute(query).first()
    if row is not None:
        raise ConflictError(
            f"another rollout of {rollout.model} is open",
            value=f"rollout {row.number}, {row.phase}",
            expected="one rollout of a model at a time",
            fix="let it end, or lapwise rollout abort",
        )
