"""Follow the store, and bring each event to each webhook that asked for it.

At least once: who is killed between sending and recording sends again, and the receiver knows the
event by its id. One process at a time does this, by the lease ``webhooks``; when it dies another
goes on. Each webhook is served on its own, one payload after the other, so a slow one holds up
nobody else.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec

from lapwise.core.access import Delivery, DeliveryState, Event, Webhook
from lapwise.core.clock import MachineClock, format_time
from lapwise.core.errors import ConflictError, LapwiseError, NotFoundError
from lapwise.server.webhooks.signing import sign

if TYPE_CHECKING:
    from lapwise.server.webhooks.posting import Outcome
    from lapwise.store.model import Lease, Store

__all__ = ["Deliverer", "Pace", "payload"]

P = ParamSpec("P")
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_LEASE = "webhooks"
_SPREAD = 0.2
_AT_ONCE = 16  # webhooks that are served at the same time


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look and to try again, in seconds.

    The pause before the n-th try is ``first * 2 ** (n - 1)``, at most ``longest``, a fifth more or
    less by chance; after ``tries`` the delivery is given up, which by default is after a day.
    """

    look: float = 1.0
    answer: float = 10.0
    first: float = 10.0
    longest: float = 7200.0
    tries: int = 22
    lease: float = 30.0

    def pause(self, tries: int) -> float:
        """Return the seconds to wait after so many tries."""
        usual = min(self.first * 2.0 ** min(tries - 1, 60), self.longest)
        return usual * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 (no secret)


class Deliverer:
    """Delivers in a thread of its own, from :meth:`start` to :meth:`stop`.

    Args:
        store: opens the store; called in that thread, which closes it.
        allowed: hosts, as URLs write them, that may lead to internal addresses.
        pace: how often.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        allowed: frozenset[str] = frozenset(),
        pace: Pace | None = None,
    ) -> None:
        self._open = store
        self._allowed = frozenset(one.lower().strip("[]").rstrip(".") for one in allowed)
        self._pace = pace or Pace()
        self._clock = MachineClock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._asking: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Begin; a second call changes nothing."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="lapwise-webhooks", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End, and wait for it at most so long; what was not recorded is sent again by whoever is next."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._thread = None

    def _run(self) -> None:
        self._asking = ThreadPoolExecutor(2, "lapwise-webhooks-store")
        try:
            self._go_on()
        finally:
            self._asking.shutdown(wait=False)

    def _go_on(self) -> None:
        while not self._stopping.is_set():
            try:
                with (
                    self._open() as store,
                    store.leases.hold(_LEASE, seconds=self._pace.lease) as lease,
                ):
                    asyncio.run(self._serve(store, lease))
            except ConflictError:  # another process delivers
                pause = self._pace.lease / 6
            except LapwiseError as error:
                _LOG.warning("webhooks wait for the store: %s", error.thing)
                pause = self._pace.lease / 6
            except Exception:  # noqa: BLE001 (whatever it was, the next events must be told)
                _LOG.exception("webhooks failed and begin anew")
                pause = self._pace.lease / 6
            else:
                continue
            self._stopping.wait(pause)

    async def _serve(self, store: Store, lease: Lease) -> None:
        """Look and send until stopped; raises when the lease or the store is lost."""
        busy: dict[str, asyncio.Task[None]] = {}
        held = self._clock.monotonic()
        try:
            while not self._stopping.is_set():
                for id in [one for one, task in busy.items() if task.done()]:
                    busy.pop(id).result()
                if self._clock.monotonic() - held > self._pace.lease / 3:
                    await self._call(lease.renew)
                    held = self._clock.monotonic()
                await self._look(store, busy)
                await self._pass(busy)
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def _look(self, store: Store, busy: dict[str, asyncio.Task[None]]) -> None:
        due = await self._call(store.webhooks.due, self._clock.timestamp())
        idle = [one for one in due if one.webhook not in busy]
        if not idle:
            return
        hooks = {hook.id: hook for hook in await self._call(store.webhooks.list)}
        for id in dict.fromkeys(one.webhook for one in idle):
            if id in hooks and len(busy) < _AT_ONCE:
                mine = [one for one in idle if one.webhook == id]
                busy[id] = asyncio.create_task(self._bring(store, hooks[id], mine))

    async def _pass(self, busy: dict[str, asyncio.Task[None]]) -> None:
        """Wait until it is time to look again, or a webhook is served, or it ends."""
        until = self._clock.monotonic() + self._pace.look
        while not self._stopping.is_set() and self._clock.monotonic() < until:
            left = min(0.1, self._pace.look)
            if busy:
                done, _ = await asyncio.wait(
                    busy.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    return
            else:
                await asyncio.sleep(left)

    async def _bring(self, store: Store, hook: Webhook, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            if self._stopping.is_set():
                return
            try:
                secret = await self._call(store.webhooks.secret, hook.id)
            except NotFoundError:  # removed meanwhile
                return
            outcome = await self._send(hook.url, one.event, secret)
            tries = one.attempts + 1
            over = outcome.final or tries >= self._pace.tries
            state: DeliveryState = (
                "delivered" if outcome.taken else "given_up" if over else "waiting"
            )
            due = self._clock.timestamp() + int(self._pace.pause(tries) * 1e6)
            tried = msgspec.structs.replace(
                one, state=state, attempts=tries, due=due, answer=outcome.said
            )
            await self._call(store.webhooks.record, tried)

    async def _send(self, url: str, event: Event, secret: str) -> Outcome:
        from lapwise.server.webhooks.posting import Outcome, post

        body = payload(event)
        try:
            headers = sign(secret, event.id, self._clock.timestamp(), body)
            return await post(url, body, headers, allowed=self._allowed, seconds=self._pace.answer)
        except Exception as error:  # noqa: BLE001 (one webhook must not stop the others)
            _LOG.exception("a webhook cannot be sent to")
            return Outcome(taken=False, final=False, said=f"failed: {type(error).__name__}")

    async def _call(self, act: Callable[P, T], *given: P.args, **more: P.kwargs) -> T:
        """Ask the store in a thread of its own: looking up names may fill all the others."""
        work = functools.partial(act, *given, **more)
        return await asyncio.get_running_loop().run_in_executor(self._asking, work)


def payload(event: Event) -> bytes:
    """Return what a receiver is sent: the same bytes each time.

    >>> payload(Event(number=1, id="e", kind="lap.ended", product="churn", at=0, body='{"number":3}'))
    b'{"type":"lap.ended","timestamp":"1970-01-01T00:00:00Z","product":"churn","data":{"number":3}}'
    """
    return msgspec.json.encode(
        {
            "type": event.kind,
            "timestamp": format_time(event.at),
            "product": event.product,
            "data": msgspec.Raw(event.body.encode()),
        }
    )
