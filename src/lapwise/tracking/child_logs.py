"""Ships what forked children log to a run: a child has no thread and no connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lapwise.tracking.wal import Batch, LogReader, add_cut, claimed, read_begin

__all__ = ["ChildLogs"]


class ChildLogs:
    """Reads the logs of a run's forked children and hands on their batches.

    Args:
        folder: where the logs lie.
        run: id of the run.
        deliver: takes a log's name and a batch; False when it was given up.
    """

    def __init__(self, folder: Path, run: str, deliver: Callable[[str, Batch], bool]) -> None:
        self._folder = folder
        self._run = run
        self._deliver = deliver
        self._readers: dict[Path, LogReader | None] = {}

    def ship(self) -> None:
        """Hand on all there is; the log of a child that is gone is removed after its last batch."""
        for path in sorted(self._folder.glob("*.wal")):
            if path not in self._readers:
                self._readers[path] = self._mine(path)
        for path, reader in list(self._readers.items()):
            if reader is not None and self._read(path, reader):
                reader.close()
                del self._readers[path]

    def close(self) -> None:
        """Let go of all files."""
        for reader in self._readers.values():
            if reader is not None:
                reader.close()
        self._readers.clear()

    def _mine(self, path: Path) -> LogReader | None:
        begin = read_begin(path)
        if begin is None or begin.role != "forked" or begin.run != self._run:
            return None
        return LogReader(path)

    def _read(self, path: Path, reader: LogReader) -> bool:
        """Hand on what is there; True when the log is done with."""
        with claimed(path) as gone:
            try:
                if not gone and path.stat().st_size > reader.offset:
                    add_cut(path)
            except FileNotFoundError:  # whoever recovers was faster
                return True
            while (batch := reader.next(rest=gone)) is not None:
                if not self._deliver(path.stem, batch):
                    return False
            if gone:
                path.unlink(missing_ok=True)
        return gone
