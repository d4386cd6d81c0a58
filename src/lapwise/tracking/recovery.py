"""Ships what processes that died had logged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lapwise.core.errors import NotFoundError
from lapwise.core.model import Run, RunStatus
from lapwise.core.protocols import Progress, SilentProgress, Task
from lapwise.store.model import Store
from lapwise.tracking.deliver import SIGNALLED, deliver, in_a_line, is_away, may_end, open_run
from lapwise.tracking.model import Recovery
from lapwise.tracking.spool import Spool, spool_folder
from lapwise.tracking.upload import bring_capture, upload
from lapwise.tracking.wal import (
    ArtifactEntry,
    Batch,
    Begin,
    CaptureEntry,
    End,
    LogReader,
    TagsEntry,
    claimed,
    log_folder,
    read_begin,
    store_mark,
)

__all__ = ["recover"]

_ORDER = {"owner": 0, "resumed": 1, "joined": 2, "forked": 2}


def recover(
    store: Store, root: Path, *, progress: Progress | None = None, all_stores: bool = False
) -> tuple[Recovery, ...]:
    """Ship the logs under ``root`` whose writers are dead, end their runs, remove the files.

    Batches that arrived before are not counted again, however often this runs and whoever else
    runs it at the same time. A run whose log has no end is ``crashed`` as of its last entry, or
    ``killed`` when its process had been asked to end. Logs of living writers and of other stores
    are left alone. A log that cannot be shipped stays, and its ``note`` says why; nothing raises
    for it. Once the store does not answer, the rest is not tried.

    Args:
        store: where the runs belong.
        root: the project's folder.
        progress: where to show how many bytes are through.
        all_stores: mention living logs and those of other stores as well.

    Returns:
        One entry for each log of a dead writer; with ``all_stores`` for every log.
    """
    folder = log_folder(root)
    if not folder.is_dir():
        return ()
    for stale in folder.glob("*.new"):  # its writer died before the first frame was whole
        with claimed(stale) as ours:
            if ours:
                stale.unlink(missing_ok=True)
    # A run is made before those who joined it are shipped.
    paths = sorted(folder.glob("*.wal"))
    begun = [(path, begin) for path in paths if (begin := read_begin(path))]
    begun.sort(key=lambda one: (_ORDER[one[1].role], one[0]))
    total = sum(_size(path) for path, _ in begun)
    task = (progress or SilentProgress()).task("shipping", total)
    strange = {*paths} - {path for path, _ in begun}
    found = [_left("", f"{path} cannot be read") for path in sorted(strange) if path.exists()]
    away = ""
    for path, begin in begun:
        with claimed(path) as ours:
            if not ours:
                if all_stores and path.exists():
                    found.append(_left(begin.run, "its process is alive; it ships this itself"))
            elif begin.store != store_mark(store.url):
                if all_stores:
                    found.append(_left(begin.run, "it belongs to another store"))
            elif away:
                found.append(_left(begin.run, away, waits=True, away=True))
            else:
                one = _Log(store, root, path, begin, task).ship()
                away = one.note if one is not None and one.away else ""
                found += [one] if one else []
    task.done()
    if not any(folder.glob("*.wal")):
        Spool(spool_folder(root)).tidy()
    return tuple(found)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _left(run: str, note: str, *, waits: bool = False, away: bool = False) -> Recovery:
    return Recovery(
        run=run,
        status=None,
        entries=0,
        damaged=False,
        shipped=False,
        note=note,
        waits=waits,
        away=away,
    )


class _Log:
    """One log on its way; its writer is gone, and nobody else has it."""

    def __init__(self, store: Store, root: Path, path: Path, begin: Begin, task: Task) -> None:
        self._store = store
        self._spool = Spool(spool_folder(root))
        self._path = path
        self._begin = begin
        self._task = task
        self._entries = 0
        self._end: End | None = None
        self._ended = path.stat().st_mtime_ns // 1_000
        self._signalled = False
        self._notes: list[str] = []

    def ship(self) -> Recovery | None:
        """Ship it; return what to say of it, or None when it held nothing."""
        reader = LogReader(self._path)
        try:
            run = self._ship(reader)
        except NotFoundError as error:
            if self._is_empty(reader):  # its writer died before the store had the run
                self._path.unlink(missing_ok=True)
                return None
            return self._waits(reader, f"{error.thing} in this store")
        except msgspec.ValidationError:
            return self._waits(reader, "the log is of a newer Lapwise")
        except Exception as error:  # noqa: BLE001 - whatever ails the store, the log is safe
            note = f"{type(error).__name__}: {in_a_line(error)}"
            return self._waits(reader, note, away=is_away(error))
        finally:
            reader.close()
        return Recovery(
            run=self._begin.run,
            number=run.number,
            status=run.status,
            entries=self._entries,
            damaged=reader.damaged,
            shipped=True,
            note="; ".join(self._notes),
        )

    def _ship(self, reader: LogReader) -> Run:
        runs, begin, log = self._store.runs, self._begin, self._path.stem
        open_run(runs, begin, log)
        if begin.record is not None:
            bring_capture(self._store.blobs, self._spool, begin.record.capture)
        while True:
            before = reader.offset
            batch = reader.next(rest=True)
            if batch is None:
                break
            self._deliver(batch)
            self._task.advance(reader.offset - before)
        if may_end(runs, begin, log):
            silent: RunStatus = "killed" if self._signalled else "crashed"
            end = self._end or End(silent, self._ended)
            run = runs.finish(begin.run, end.status, end.at)
        else:
            run = runs.get(begin.run)
        self._path.unlink(missing_ok=True)
        return run

    def _is_empty(self, reader: LogReader) -> bool:
        """Say whether nothing was logged: a run that is not in the store may have been opened again."""
        while not self._entries and (batch := reader.next(rest=True)) is not None:
            self._entries += sum(not isinstance(entry, Begin | End) for entry in batch.entries)
        return not self._entries

    def _deliver(self, batch: Batch) -> None:
        spooled: list[ArtifactEntry] = []
        others = []
        for entry in batch.entries:
            match entry:
                case Begin():
                    continue
                case End():
                    self._end = entry
                    continue
                case TagsEntry(values=values) if SIGNALLED in values:
                    self._signalled = True
            self._entries += 1
            if isinstance(entry, ArtifactEntry) and entry.spooled:
                spooled.append(entry)
            else:
                others.append(entry)
        key = f"{self._path.stem}:{batch.number}"
        run, runs = self._begin.run, self._store.runs
        for entry in others:
            if isinstance(entry, CaptureEntry):
                bring_capture(self._store.blobs, self._spool, entry.capture)
        self._notes += deliver(runs, run, key, others)
        if spooled:
            self._notes += upload(
                runs, self._store.blobs, self._spool, run, f"{key}:files", spooled
            )

    def _waits(self, reader: LogReader, note: str, *, away: bool = False) -> Recovery:
        return Recovery(
            run=self._begin.run,
            status=None,
            entries=self._entries,
            damaged=reader.damaged,
            shipped=False,
            note=note,
            waits=True,
            away=away,
        )
