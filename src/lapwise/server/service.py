"""The shared server: what must be so before it listens, and what runs beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lapwise.core.access import allows
from lapwise.core.clock import MachineClock
from lapwise.core.errors import AccessError, LapwiseError
from lapwise.server.limits import Limits
from lapwise.serving.tokens import is_loopback
from lapwise.store.remote import refuse_remote

if TYPE_CHECKING:
    from lapwise.server.listening import Tls
    from lapwise.server.webhooks import Deliverer
    from lapwise.store.model import Store

__all__ = ["Service", "run_service"]

_LOOK = 5.0  # seconds between two looks for the first webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How a server is to run.

    ``hosts`` are names under which it may be asked, ``webhook_hosts`` those that may lead to internal
    addresses; 0 as ``port`` takes any free one.
    """

    host: str = "127.0.0.1"
    port: int = 5000
    login: bool = False
    hosts: tuple[str, ...] = ()
    webhook_hosts: tuple[str, ...] = ()
    tls: Tls | None = None
    limits: Limits

    @property
    def is_open(self) -> bool:
        """Whether anybody may ask who can reach it: only this machine can."""
        return is_loopback(self.host) and not self.login


def run_service(
    service: Service, url: str, blobs: str, *, announce: Callable[[str, int], None]
) -> None:
    """Serve a store until SIGTERM or SIGINT.

    Args:
        service: how.
        url: the store's database.
        blobs: where its blobs are.
        announce: called once with host and port when requests are answered.

    Raises:
        AccessError: others could reach it, and no admin's token is there.
        DeclarationError: the store is a server's already.
        LapwiseError: the store, the address or the certificate cannot be used.
    """
    from lapwise.server.app import create_app
    from lapwise.server.listening import listen
    from lapwise.serving.run import bind
    from lapwise.store.open import open_store

    refuse_remote(url)
    if service.tls is not None:
        service.tls.check()
    with open_store(url, blobs) as store, bind(service.host, service.port) as listener:
        if not service.is_open:
            _require_admin(store)
        app = create_app(
            store,
            hosts=_names(service),
            numbers=not is_loopback(service.host),
            login=not service.is_open,
            limits=service.limits,
        )
        messenger = _Messenger(
            store, lambda: open_store(url, blobs), frozenset(service.webhook_hosts)
        )

        def ready(host: str, port: int) -> None:
            messenger.start()
            announce(host, port)

        try:
            listen(app, listener, tls=service.tls, announce=ready)
        finally:
            messenger.stop()


def _names(service: Service) -> tuple[str, ...]:
    import socket

    if is_loopback(service.host):
        return service.hosts
    bracketed = f"[{service.host}]" if ":" in service.host else service.host
    return (*service.hosts, bracketed, socket.gethostname(), socket.getfqdn())


def _require_admin(store: Store) -> None:
    """Refuse to listen for others while nobody could log in to look after the server."""
    from lapwise.server.access.identity import is_good

    now = MachineClock().timestamp()
    if not any(
        is_good(one, now) and allows(one.grants, "admin", "*") for one in store.tokens.list()
    ):
        raise AccessError(
            "a server that asks who comes needs an admin, and there is no token of one",
            expected="a token with the role admin in all products, neither expired nor revoked",
            fix="lapwise token create NAME --role admin",
        )


class _Messenger:
    """Starts the deliverer once there is a webhook; until then nothing of it is loaded."""

    def __init__(self, store: Store, opener: Callable[[], Store], allowed: frozenset[str]) -> None:
        self._store = store
        self._opener = opener
        self._allowed = allowed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="lapwise-messenger", daemon=True)
        self._deliverer: Deliverer | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._deliverer is not None:
            self._deliverer.stop()

    def _look(self) -> None:
        while not self._any():
            if self._stopping.wait(_LOOK):
                return
        from lapwise.server.webhooks import Deliverer

        self._deliverer = Deliverer(self._opener, self._allowed)
        self._deliverer.start()

    def _any(self) -> bool:
        try:
            return bool(self._store.webhooks.list())
        except LapwiseError:  # the database is away: look again
            return False
