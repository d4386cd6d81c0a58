"""Webhooks, and how far their deliveries have come.

An event becomes a delivery for each webhook that asked for it, when somebody looks for what is
due; ``webhook.seen`` is the last event that was looked at. Only one process looks at a time
(``lapwise.server.webhooks`` holds a lease), but nothing breaks if two do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Select, func, select

from lapwise.core.access import Delivery, Webhook
from lapwise.core.errors import NotFoundError
from lapwise.core.model import Param
from lapwise.store.audit import append
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.events import event_of, last_event
from lapwise.store.model import AuditDraft
from lapwise.store.schema import delivery, event, webhook
from lapwise.store.webhook_form import check_secret, check_url

__all__ = ["SqlWebhooks"]

_AT_ONCE = 500  # events that become deliveries of one webhook in one transaction


class SqlWebhooks:
    """Implements :class:`lapwise.store.access.Webhooks`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add_delivery = database.insert_once(delivery)

    def add(self, webhook: Webhook, secret: str, actor: str) -> Webhook:
        """Keep a webhook with its secret, and audit it. It gets the events from now on.

        Raises:
            DeclarationError: nothing can be sent to its address, or nothing signed with its secret.
        """
        check_url(webhook.url)
        check_secret(secret)
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            body = connection.scalar(select(_HOOK.body).where(_HOOK.id == webhook.id))
            if body is not None:
                return decode(body, Webhook)
            self._audit(connection, "webhook-add", webhook, webhook.created, actor)
            connection.execute(
                _TABLE.insert().values(
                    id=webhook.id,
                    secret=secret,
                    seen=last_event(self._database, connection),
                    body=encode(webhook),
                )
            )
        return webhook

    def list(self) -> Sequence[Webhook]:
        """Return webhooks, oldest first, without their secrets."""
        with self._database.read() as connection:
            bodies = connection.scalars(select(_HOOK.body).where(_HOOK.removed.is_(None)))
            found = [decode(body, Webhook) for body in bodies]
        return sorted(found, key=lambda one: (one.created, one.id))

    def secret(self, id: str) -> str:
        """Return what a webhook's payloads are signed with; raises NotFoundError."""
        query = select(_HOOK.secret).where(_HOOK.id == id, _HOOK.removed.is_(None))
        with self._database.read() as connection:
            secret = connection.scalar(query)
        if secret is None:
            raise _no_webhook(id)
        return str(secret)

    def remove(self, id: str, at: int, actor: str) -> None:
        """Send nothing there any more, and audit it; raises NotFoundError."""
        query = select(_HOOK.body, _HOOK.removed).where(_HOOK.id == id)
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            row = connection.execute(query).first()
            if row is not None and row.removed == at:  # by this very call, asked again
                return
            if row is None or row.removed is not None:
                raise _no_webhook(id)
            # The row stays for the history of its deliveries; what it signed with does not.
            connection.execute(_TABLE.update().where(_HOOK.id == id).values(removed=at, secret=""))
            self._audit(connection, "webhook-remove", decode(row.body, Webhook), at, actor)

    def due(self, at: int, *, limit: int = 100) -> Sequence[Delivery]:
        """Return deliveries that wait and are due, oldest first; new events become deliveries here.

        Where more are due than ``limit``, webhooks take turns, so that none waits behind another.
        """
        if self._is_behind():
            with self._database.write() as connection:
                self._catch_up(connection)
        waits = _rows().where(_SENT.state == "waiting", _SENT.due <= at)
        waits = waits.order_by(_SENT.due, _SENT.event).limit(limit)
        with self._database.read() as connection:
            hooks = connection.scalars(select(_HOOK.id).where(_HOOK.removed.is_(None))).all()
            queues = [connection.execute(waits.where(_SENT.webhook == id)).all() for id in hooks]
        turns = (row for turn in zip_longest(*queues) for row in turn if row is not None)
        found = [_delivery(row) for row in islice(turns, limit)]
        return sorted(found, key=lambda one: (one.due, one.event.number))

    def record(self, delivery: Delivery) -> None:
        """Keep how a delivery went; one that was delivered stays so, whoever comes late."""
        with self._database.write() as connection:
            connection.execute(
                _SENT_TABLE.update()
                .where(
                    _SENT.webhook == delivery.webhook,
                    _SENT.event == delivery.event.number,
                    _SENT.state != "delivered",
                    _SENT.attempts < delivery.attempts,
                )
                .values(
                    state=delivery.state,
                    attempts=delivery.attempts,
                    due=delivery.due,
                    answer=delivery.answer,
                )
            )

    def deliveries(self, webhook: str, *, limit: int = 100) -> Sequence[Delivery]:
        """Return a webhook's deliveries, newest first; raises NotFoundError."""
        query = _rows().where(_SENT.webhook == webhook).order_by(_SENT.event.desc()).limit(limit)
        with self._database.read() as connection:
            if connection.scalar(select(_HOOK.id).where(_HOOK.id == webhook)) is None:
                raise _no_webhook(webhook)
            return [_delivery(row) for row in connection.execute(query)]

    def _is_behind(self) -> bool:
        """Say whether there are events that some webhook has not seen."""
        newest = select(func.max(event.c.number)).scalar_subquery()
        query = select(_HOOK.id).where(_HOOK.removed.is_(None), _HOOK.seen < newest).limit(1)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def _catch_up(self, connection: Connection) -> None:
        self._database.serialise(connection, "webhooks")
        query = select(_HOOK.id, _HOOK.seen, _HOOK.body).where(_HOOK.removed.is_(None))
        for row in connection.execute(query.order_by(_HOOK.id)).all():
            rows, seen = _wanted(connection, decode(row.body, Webhook), row.seen)
            if rows:
                connection.execute(self._add_delivery, rows)
            if seen != row.seen:
                connection.execute(_TABLE.update().where(_HOOK.id == row.id).values(seen=seen))

    def _audit(
        self, connection: Connection, action: str, webhook: Webhook, at: int, actor: str
    ) -> None:
        # The path and the query may hold what only the receiver should know.
        host = urlsplit(webhook.url).hostname
        details = (
            Param(name="host", value=host),
            Param(name="events", value=", ".join(webhook.events) or "all"),
            Param(name="product", value=webhook.product),
        )
        subject = f"webhook:{webhook.id}"  # never the name of a product
        draft = AuditDraft(at=at, actor=actor, action=action, subject=subject, details=details)
        append(self._database, connection, draft)


_TABLE, _HOOK = webhook, webhook.c
_SENT_TABLE, _SENT = delivery, delivery.c


def _wanted(connection: Connection, hook: Webhook, seen: int) -> tuple[list[dict[str, Any]], int]:
    """Return the deliveries of the events after ``seen`` that a webhook asked for, and the last."""
    columns = event.c
    query = select(columns.number, columns.kind, columns.product, columns.at)
    query = query.where(columns.number > seen).order_by(columns.number).limit(_AT_ONCE)
    rows = []
    for number, kind, product, at in connection.execute(query):
        seen = number
        if (not hook.events or kind in hook.events) and hook.product in {"*", product}:
            rows.append(
                {
                    "webhook": hook.id,
                    "event": number,
                    "state": "waiting",
                    "attempts": 0,
                    "due": at,
                    "answer": "",
                }
            )
    return rows, seen


def _rows() -> Select[Any]:
    return select(
        _SENT.webhook,
        _SENT.state,
        _SENT.attempts,
        _SENT.due,
        _SENT.answer,
        event,
    ).join(event, event.c.number == _SENT.event)


def _delivery(row: Any) -> Delivery:
    return Delivery(
        webhook=row.webhook,
        event=event_of(row),
        state=row.state,
        attempts=row.attempts,
        due=row.due,
        answer=row.answer,
    )


def _no_webhook(id: str) -> NotFoundError:
    return NotFoundError("there is no webhook", value=id, fix="lapwise webhook list")
