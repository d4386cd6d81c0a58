"""Exclusive, expiring claims on names.

Expiry is judged by one clock that all claimants share: PostgreSQL's own (machines may disagree
about the time by minutes), or for SQLite, whose file never leaves its machine, the machine's.
Whoever takes an expired lease gets a higher token, so that late acts of the former holder can be
told from those of the present one. A holder on this very machine whose process is provably gone
(same boot, same process namespace, and no process of that id that started then) need not expire.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, select

from lapwise.core.clock import MachineClock, format_time
from lapwise.core.errors import ConflictError, StoreError
from lapwise.store import schema
from lapwise.store.database import Database

__all__ = ["SqlLeases"]

_POLL = 0.1
_LEASE = schema.lease.c


class SqlLeases:
    """Implements :class:`lapwise.store.model.Leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = MachineClock()

    @contextmanager
    def hold(self, name: str, *, seconds: float = 30.0, wait: float = 0.0) -> Iterator[SqlLease]:
        """Hold ``name``, renewed in the background while the context is open.

        Raises:
            ConflictError: another live holder has it (after ``wait`` seconds); says who and since
                when. Also on leaving, when the lease was lost meanwhile.
        """
        lease = SqlLease(self._database, name, self._wait(name, seconds, wait), seconds)
        keeper = _Keeper(lease)
        keeper.start()
        try:
            yield lease
        finally:
            keeper.stop()
            lease.release()
        if keeper.lost is not None:
            raise keeper.lost

    def _wait(self, name: str, seconds: float, wait: float) -> int:
        deadline = self._clock.monotonic() + wait
        while True:
            try:
                return self._take(name, seconds)
            except ConflictError:
                if self._clock.monotonic() >= deadline:
                    raise
            self._clock.sleep(_POLL)

    def _take(self, name: str, seconds: float) -> int:
        with self._database.write() as connection:
            self._database.serialise(connection, f"lease:{name}")
            now = _now(self._database, connection)
            row = connection.execute(select(schema.lease).where(_LEASE.name == name)).first()
            if row is not None and row.expires > now and not _is_gone(row.process):
                raise ConflictError(
                    f"'{name}' is held",
                    value=f"{row.holder} since {format_time(row.since)}",
                    expected="no other process at work on it",
                    fix="wait until it is done, or end that process",
                )
            values = {
                "name": name,
                "holder": f"{os.getpid()}@{socket.gethostname()}",
                "process": _identity(),
                "token": row.token + 1 if row is not None else 1,
                "since": now,
                "expires": now + int(seconds * 1e6),
            }
            connection.execute(self._database.upsert(schema.lease), values)
        return int(values["token"])


class SqlLease:
    """A held lease; ``token`` grows with every holder."""

    def __init__(self, database: Database, name: str, token: int, seconds: float) -> None:
        self._database = database
        self.name = name
        self.token = token
        self.seconds = seconds

    def renew(self) -> None:
        """Extend the lease; raises ConflictError when another holder has it."""
        with self._database.write() as connection:
            expires = _now(self._database, connection) + int(self.seconds * 1e6)
            ours = (_LEASE.name == self.name) & (_LEASE.token == self.token) & (_LEASE.expires > 0)
            if connection.execute(
                schema.lease.update().where(ours).values(expires=expires)
            ).rowcount:
                return
            query = select(_LEASE.holder).where(_LEASE.name == self.name)
            raise ConflictError(
                f"the lease on '{self.name}' was lost",
                value=connection.scalar(query),
                expected=f"the holder with token {self.token}",
                fix="repeat; what was done since may have been done twice",
            )

    def release(self) -> None:
        """Give the lease back if it is still ours; the row stays, so that tokens only grow."""
        ours = (_LEASE.name == self.name) & (_LEASE.token == self.token)
        with self._database.write() as connection:
            connection.execute(schema.lease.update().where(ours).values(expires=0))


class _Keeper(threading.Thread):
    """Renews a lease three times within its life, until stopped or lost."""

    def __init__(self, lease: SqlLease) -> None:
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
                continue  # the database is away; the lease lives until it expires

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopped.set()
        self.join()


def _now(database: Database, connection: Connection) -> int:
    if database.is_sqlite:
        return MachineClock().timestamp()
    query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    return int(connection.exec_driver_sql(query).scalar_one())


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


def _is_gone(process: str) -> bool:
    boot, namespace, pid, started = process.split(":")
    if not boot or not started or (boot, namespace) != _place():
        return False  # on another machine, or behind another namespace: nothing can be proven
    found = _started(int(pid))
    return found is None or found not in {"", started}
