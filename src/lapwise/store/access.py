"""What the store offers of access and news: tokens, events, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lapwise.core.access import Delivery, Event, EventKind, Token, Webhook

__all__ = ["Events", "Tokens", "Webhooks"]


class Tokens(Protocol):
    """Tokens; a secret is never kept, only its hash."""

    def add(self, token: Token, hash: str, actor: str) -> Token:
        """Keep a token under the hash of its secret, and audit it; one transaction."""
        ...

    def find(self, hash: str) -> Token | None:
        """Return the token whose secret has this hash, revoked and expired ones too, or None."""
        ...

    def list(self) -> Sequence[Token]:
        """Return all tokens, newest first."""
        ...

    def revoke(self, id: str, at: int, actor: str) -> Token:
        """Let a token open nothing from now on, and audit it; raises NotFoundError."""
        ...

    def touch(self, id: str, at: int) -> None:
        """Say when a token was last used."""
        ...


class Events(Protocol):
    """What happened, in order; each is written in the transaction of what it tells of."""

    def list(
        self, *, after: int = 0, kind: EventKind | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Return events with ``number > after``, oldest first."""
        ...


class Webhooks(Protocol):
    """Where events are sent, and how far they have come."""

    def add(self, webhook: Webhook, secret: str, actor: str) -> Webhook:
        """Keep a webhook with its secret, and audit it. It gets the events from now on.

        Raises:
            DeclarationError: nothing can be sent to its address, or nothing signed with its secret.
        """
        ...

    def list(self) -> Sequence[Webhook]:
        """Return webhooks, oldest first, without their secrets."""
        ...

    def secret(self, id: str) -> str:
        """Return what a webhook's payloads are signed with; raises NotFoundError."""
        ...

    def remove(self, id: str, at: int, actor: str) -> None:
        """Send nothing there any more, and audit it; raises NotFoundError."""
        ...

    def due(self, at: int, *, limit: int = 100) -> Sequence[Delivery]:
        """Return deliveries that wait and are due, oldest first; new events become deliveries here.

        Where more are due than ``limit``, webhooks take turns, so that none waits behind another.
        """
        ...

    def record(self, delivery: Delivery) -> None:
        """Keep how a delivery went; one that was delivered stays so, whoever comes late."""
        ...

    def deliveries(self, webhook: str, *, limit: int = 100) -> Sequence[Delivery]:
        """Return a webhook's deliveries, newest first; raises NotFoundError."""
        ...
