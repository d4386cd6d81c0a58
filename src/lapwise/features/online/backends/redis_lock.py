"""Who may write to a space of a Redis server: one at a time, however many machines there are.

The lock is a key with an expiry, renewed while its holder lives. Whoever was stopped for longer
than that has lost it, and may not know: so nothing is written but by the server itself while the
key says that it is held, in a script or in a transaction that watches it.
"""

from __future__ import annotations

import os
import platform
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ConflictError, StoreError
from lapwise.features.online.backends.redis_line import Line

__all__ = ["Lock", "LostError"]

_IDLE = 48
"""Looks without work after which the thread that renews ends: a minute, if it looks each 1.25 s."""

# Answers with whoever else holds it. An earlier turn of ours, whose connection was cut, is taken
# over. A server without memory refuses a script's first write, if that needs any; hence UNLINK.
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, 1, #ARGV[1]) ~= ARGV[1] then return holder end
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false
"""

_WHILE_HELD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
return {redis.call(unpack(ARGV, 2))}
"""


class LostError(Exception):
    """The lock is no longer held: the work must be done again."""


class Lock:
    """The right to write.

    Args:
        key: of the lock on the server.
        open_line: a line of its own, for renewing from another thread.
        patience: seconds for which others are waited for.
        expiry: milliseconds after which a dead holder keeps nobody waiting.
    """

    def __init__(
        self, key: bytes, open_line: Callable[[], Line], *, patience: float, expiry: int
    ) -> None:
        self._key = key
        self._open_line = open_line
        self._patience = patience
        self.expiry = expiry
        self.owner = os.urandom(12).hex()
        self._turns = 0
        self._clock = MachineClock()
        self._token = b""
        self._renewed = b""
        self._renewing: threading.Thread | None = None
        self._mutex = threading.Lock()
        self._closed = threading.Event()

    @property
    def token(self) -> bytes:
        """What the key says while it is held: owner, turn, process and machine."""
        return self._token

    def take(self, line: Line) -> None:
        """Wait for the lock and take it.

        Raises:
            ConflictError: another process has it for too long.
        """
        until = self._clock.monotonic() + self._patience
        pause = 0.001
        while holder := self._try(line):
            if self._clock.monotonic() > until:
                raise self._busy(holder, line.place)
            self._clock.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads those who wait
            pause = min(2 * pause, 0.05)

    def change(self, line: Line) -> None:
        """Hold the lock by another token, so that commands under the former one do nothing.

        Raises:
            LostError: another process holds it.
        """
        if self._try(line):
            raise LostError

    def renew(self) -> None:
        """Keep the lock from expiring, until :meth:`watch` or :meth:`release`."""
        with self._mutex:
            self._renewed = self._token
            if self._renewing is None:
                self._renewing = threading.Thread(
                    target=self._renew, name="online store's lock", daemon=True
                )
                self._renewing.start()

    def command(self, *command: bytes | str | int) -> Sequence[bytes | str | int]:
        """Return a command that the server carries out only while the lock is held.

        Its reply is a list of the command's own reply, or empty: see :meth:`granted`.
        """
        return self._while(self._token, command)

    def granted(self, reply: list[Any]) -> Any:
        """Return the reply of a :meth:`command`; raises LostError if it was not carried out."""
        if not reply:
            raise LostError
        return reply[0]

    def watch(self, line: Line, milliseconds: int) -> None:
        """Let the line's next transaction fail if the lock is lost, and renew it a last time.

        Raises:
            LostError: it was lost already.
        """
        self.rest()  # a renewal would look like a loss
        _, _, seen = line.ask(
            self.command("PEXPIRE", self._key, milliseconds),
            ["WATCH", self._key],
            ["GET", self._key],
        )
        if seen != self._token:
            line.ask(["UNWATCH"])
            raise LostError

    def release(self, line: Line) -> None:
        """Give the lock back, if it is held still."""
        self.rest()
        if self._token:
            line.ask(self.command("DEL", self._key))
        self._token = b""

    def rest(self) -> None:
        """Renew no more until it is taken again; if it is held still, it expires."""
        with self._mutex:
            self._renewed = b""

    def was_released(self) -> None:
        """Take note that the transaction itself has given it back."""
        self._token = b""

    def close(self) -> None:
        """Renew no more."""
        self._closed.set()

    def _try(self, line: Line) -> bytes | None:
        """Take the lock, or return what it says of another holder."""
        self._turns += 1
        words = f"{self.owner}.{self._turns} process {os.getpid()} on {platform.node()}"
        token = words.encode()
        holder: bytes | None
        (holder,) = line.ask(["EVAL", _TAKE, 1, self._key, self.owner, token, self.expiry])
        if holder is None:
            self._token = token
            self.renew()
        return holder

    def _while(
        self, token: bytes, command: Sequence[bytes | str | int]
    ) -> Sequence[bytes | str | int]:
        return ["EVAL", _WHILE_HELD, 1, self._key, token, *command]

    def _renew(self) -> None:
        line: Line | None = None
        idle = 0
        while idle < _IDLE and not self._closed.wait(self.expiry / 4000):
            with self._mutex:
                idle = 0 if self._renewed else idle + 1
                if idle >= _IDLE:
                    self._renewing = None
                if not self._renewed:
                    continue
                try:
                    line = line or self._open_line()
                    line.ask(self._while(self._renewed, ["PEXPIRE", self._key, self.expiry]))
                except StoreError:
                    continue  # whoever works will meet the same
        if line is not None:
            line.close()

    def _busy(self, holder: bytes, place: str) -> ConflictError:
        _, _, who = holder.decode(errors="replace").partition(" ")
        return ConflictError(
            "another process is writing to the online store",
            value=f"{who or 'one that has just ended'}, {place}",
            expected=f"an end of its work within {self._patience:g} s",
            fix=f"wait for it; once dead it keeps nobody longer than {self.expiry / 1000:g} s",
        )
