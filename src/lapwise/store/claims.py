"""Exclusive, expiring claims on names: what a store decides, and how a holder keeps one.

A store takes, renews and releases, each in one step, wherever it is. The context that holds a name
and renews it in the background stands above that, in the process of the holder.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

import msgspec

from lapwise.core.clock import MachineClock, format_time
from lapwise.core.errors import ConflictError, StoreError
from lapwise.core.ids import new_id

__all__ = ["Claims", "HeldLease", "Holding", "Taken", "is_gone"]

_POLL = 0.1


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: ``token`` is 0 when another has the name, ``holder`` since ``since``."""

    token: int
    holder: str
    since: int


class Claims(Protocol):
    """Claims on names, each act one step."""

    def take(self, name: str, *, seconds: float, holder: str, process: str) -> Taken:
        """Take a name that is free, expired, or whose holder is provably gone.

        Args:
            name: what is claimed.
            seconds: how long it lives without being renewed.
            holder: who takes it, for people.
            process: what tells this claim from every other; asked again with the same, the same
                token is the answer.
        """
        ...

    def renew(self, name: str, token: int, *, seconds: float) -> Taken:
        """Extend a claim if it still is this token's."""
        ...

    def release(self, name: str, token: int) -> None:
        """Give a claim back if it still is this token's."""
        ...


class Holding(Claims):
    """Implements :meth:`lapwise.store.model.Leases.hold` above the single steps."""

    @contextmanager
    def hold(self, name: str, *, seconds: float = 30.0, wait: float = 0.0) -> Iterator[HeldLease]:
        """Hold ``name``, renewed in the background while the context is open.

        Raises:
            ConflictError: another live holder has it (after ``wait`` seconds); says who and since
                when. Also on leaving, when the lease was lost meanwhile.
        """
        lease = HeldLease(self, name, _take(self, name, seconds, wait), seconds)
        keeper = _Keeper(lease)
        keeper.start()
        try:
            yield lease
        finally:
            keeper.stop()
            lease.release()
        if keeper.lost is not None:
            raise keeper.lost


class HeldLease:
    """A held lease; ``token`` grows with every holder."""

    def __init__(self, claims: Claims, name: str, token: int, seconds: float) -> None:
        self._claims = claims
        self.name = name
        self.token = token
        self.seconds = seconds

    def renew(self) -> None:
        """Extend the lease; raises ConflictError when another holder has it."""
        taken = self._claims.renew(self.name, self.token, seconds=self.seconds)
        if not taken.token:
            raise ConflictError(
                f"the lease on '{self.name}' was lost",
                value=taken.holder,
                expected=f"the holder with token {self.token}",
                fix="repeat; what was done since may have been done twice",
            )

    def release(self) -> None:
        """Give the lease back if it is still ours; the row stays, so that tokens only grow."""
        self._claims.release(self.name, self.token)


def is_gone(process: str) -> bool:
    """Say whether a process that took a claim is provably dead: it ran here, and does no more.

    True only for one of the same boot and the same namespace; of another machine, or of what does
    not read as a process, nothing can be proven.
    """
    parts = process.split(":")
    if len(parts) < 4 or not parts[2].isdecimal():
        return False
    boot, namespace, pid, started = parts[:4]
    if not boot or not started or (boot, namespace) != _place():
        return False  # on another machine, or behind another namespace: nothing can be proven
    found = _started(int(pid))
    return found is None or found not in {"", started}


def _take(claims: Claims, name: str, seconds: float, wait: float) -> int:
    clock = MachineClock()
    deadline = clock.monotonic() + wait
    holder = f"{os.getpid()}@{socket.gethostname()}"
    process = f"{_identity()}:{new_id()}"
    while True:
        taken = claims.take(name, seconds=seconds, holder=holder, process=process)
        if taken.token:
            return taken.token
        if clock.monotonic() >= deadline:
            raise ConflictError(
                f"'{name}' is held",
                value=f"{taken.holder} since {format_time(taken.since)}",
                expected="no other process at work on it",
                fix="wait until it is done, or end that process",
            )
        clock.sleep(_POLL)


class _Keeper(threading.Thread):
    """Renews a lease three times within its life, until stopped or lost."""

    def __init__(self, lease: HeldLease) -> None:
        super().__init__(name=f"lapwise-lease-{lease.name}", daemon=True)
        self._lease = lease
        self._stopped = threading.Event()
        self.lost: ConflictError | None = None

    def run(self) -> None:
        while not self._stopped.wait(self._lease.seconds / 3):
            try:
                self._lease.renew()
            except ConflictError as error:
                self.lost = error
                return
            except StoreError:
                continue  # the store is away; the lease lives until it expires

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopped.set()
        self.join()


@cache
def _identity() -> str:
    """Return what tells this process from every other, on Linux: boot, namespace, id, start."""
    pid = os.getpid()
    return ":".join([*_place(), str(pid), _started(pid) or ""])


def _place() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return "", ""
    return boot, namespace


def _started(pid: int) -> str | None:
    """Return a process's start in clock ticks since boot; a reused id has another."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]
