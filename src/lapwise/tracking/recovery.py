"""Ships what processes that died had logged."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import NotFoundError
from lapwise.core.model import RunStatus
from lapwise.store.model import Store
from lapwise.tracking.model import Recovery
from lapwise.tracking.ship import deliver
from lapwise.tracking.wal import Begin, End, LogReader

__all__ = ["log_folder", "recover", "store_mark"]

_CREDENTIALS = re.compile(r"://[^/@]*@")


def log_folder(root: Path) -> Path:
    """Return where the logs of a project's runs lie: ``.lapwise/wal``."""
    return root / ".lapwise" / "wal"


def store_mark(url: str) -> str:
    """Return what names a store in a log; credentials are no part of it."""
    return digest_bytes(_CREDENTIALS.sub("://", url).encode())[:16]


def recover(store: Store, root: Path) -> tuple[Recovery, ...]:
    """Ship the logs under ``root`` whose writers are dead, end their runs, remove the files.

    Batches that arrived before are not counted again, however often this runs and whoever else
    runs it at the same time. A run whose log has no end is ``crashed`` as of its last entry. Logs
    of living writers and of other stores are left alone. A log that cannot be shipped stays, and
    its ``note`` says why; nothing raises for it.

    Returns:
        One entry for each log of a dead writer.
    """
    folder = log_folder(root)
    if not folder.is_dir():
        return ()
    for stale in folder.glob("*.new"):  # its writer died before the first frame was whole
        with _claimed(stale) as claimed:
            if claimed:
                stale.unlink(missing_ok=True)
    found = []
    for path in sorted(folder.glob("*.wal")):
        with _claimed(path) as claimed:
            if claimed and (recovery := _recover_log(store, path)) is not None:
                found.append(recovery)
    return tuple(found)


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Yield whether the log is ours now: its writer is gone and nobody else recovers it."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have shipped and removed it before we had the lock.
        claimed = os.fstat(fd).st_nlink > 0
    except BlockingIOError:
        claimed = False
    try:
        yield claimed
    finally:
        os.close(fd)


def _recover_log(store: Store, path: Path) -> Recovery | None:
    """Ship one log; None when it belongs to another store."""
    reader = LogReader(path)
    run, status, entries, note = "", None, 0, ""
    ended = path.stat().st_mtime_ns // 1_000
    finished: RunStatus = "crashed"
    try:
        while (batch := reader.next(rest=True)) is not None:
            for entry in batch.entries:
                if isinstance(entry, Begin):
                    if entry.store != store_mark(store.url):
                        return None
                    run = entry.run
                elif isinstance(entry, End):
                    finished, ended = entry.status, entry.at
                else:
                    entries += 1
            note = "; ".join(
                deliver(store.runs, run, f"{path.stem}:{batch.number}", batch.entries)
            ) or note  # fmt: skip
        if run:
            status = store.runs.finish(run, finished, ended).status
        path.unlink(missing_ok=True)
    except NotFoundError as error:
        if not entries:  # its writer died before the store had the run
            path.unlink(missing_ok=True)
            return None
        return _waiting(reader, run, entries, f"{error.thing} in this store")
    except msgspec.ValidationError:
        return _waiting(reader, run, entries, "the log is of a newer Lapwise")
    except Exception as error:  # noqa: BLE001 - whatever ails the store, the log is safe
        return _waiting(reader, run, entries, f"{type(error).__name__}: {error}")
    finally:
        reader.close()
    return Recovery(
        run=run, status=status, entries=entries, damaged=reader.damaged, shipped=True, note=note
    )


def _waiting(reader: LogReader, run: str, entries: int, note: str) -> Recovery:
    return Recovery(
        run=run, status=None, entries=entries, damaged=reader.damaged, shipped=False, note=note
    )
