"""Who may do what, and who is told: roles, tokens, events, webhooks."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.model import Record

__all__ = [
    "ROLES",
    "Delivery",
    "DeliveryState",
    "Event",
    "EventKind",
    "Grant",
    "Principal",
    "Role",
    "Token",
    "Webhook",
    "allows",
]

Role: TypeAlias = Literal["viewer", "contributor", "approver", "admin"]
EventKind: TypeAlias = Literal["lap.ended", "version.promoted", "alarm.raised"]
DeliveryState: TypeAlias = Literal["waiting", "delivered", "given_up"]

ROLES: tuple[Role, ...] = ("viewer", "contributor", "approver", "admin")
"""From the least to the most; each may do what those before it may."""


class Grant(Record, frozen=True, kw_only=True):
    """A role in one product (a loop, its experiment, its model: one name), or in all (``*``)."""

    role: Role
    product: str = "*"


class Principal(Record, frozen=True, kw_only=True):
    """Whoever asks: a name for the audit log, and what they may do."""

    name: str
    grants: tuple[Grant, ...]


class Token(Record, frozen=True, kw_only=True):
    """A token as it is kept: its secret only as a hash, elsewhere. Times are microseconds."""

    id: str
    name: str
    grants: tuple[Grant, ...]
    created: int
    expires: int | None = None
    revoked: int | None = None
    used: int | None = None


class Event(Record, frozen=True, kw_only=True):
    """What happened in the store, numbered in its order; ``body`` is JSON for the receiver."""

    number: int
    id: str
    kind: EventKind
    product: str
    at: int
    body: str


class Webhook(Record, frozen=True, kw_only=True):
    """Where events are sent; no ``events`` means all of them. Its secret is kept apart."""

    id: str
    url: str
    created: int
    events: tuple[EventKind, ...] = ()
    product: str = "*"


class Delivery(Record, frozen=True, kw_only=True):
    """One event on its way to one webhook."""

    webhook: str
    event: Event
    state: DeliveryState = "waiting"
    attempts: int = 0
    due: int = 0
    answer: str = ""


def allows(grants: tuple[Grant, ...], role: Role, product: str | None) -> bool:
    """Say whether grants hold at least a role in a product; None asks for any product at all.

    >>> mine = (Grant(role="contributor", product="churn"), Grant(role="viewer"))
    >>> allows(mine, "contributor", "churn"), allows(mine, "contributor", "flights")
    (True, False)
    >>> allows(mine, "contributor", None), allows(mine, "viewer", "flights")
    (True, True)
    """
    least = ROLES.index(role)
    return any(
        ROLES.index(grant.role) >= least and (product is None or grant.product in {"*", product})
        for grant in grants
    )
