"""The hard fuse: a canary that fails where production does not is out at once, without a database.

What a worker decides lies beside the deployment as ``fuse.json``, so that every other worker, and
one that starts later, follows within a moment.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lapwise.core.model import Record
from lapwise.serving.snapshot import write_durably

__all__ = ["FUSE_ROWS", "Fuse", "FuseState", "blow", "read_fuse"]

FUSE_ROWS = 5
"""So many rows in a row that the canary failed and production answered."""

_FILE = "fuse.json"


class FuseState(Record, frozen=True, kw_only=True):
    """A canary that is out: which version, of which deployment, since when, and why."""

    version: str
    revision: int
    at: int
    reason: str


class Fuse:
    """Counts failures in a row of one canary in one process.

    >>> fuse = Fuse(rows=2)
    >>> fuse.failed(1), fuse.answered(), fuse.failed(2)
    (False, None, True)
    """

    def __init__(self, rows: int = FUSE_ROWS) -> None:
        self._rows = rows
        self._failed = 0

    @property
    def left(self) -> int:
        """How many more failures in a row it bears."""
        return max(self._rows - self._failed, 0)

    def failed(self, rows: int) -> bool:
        """Count failed rows; return whether the canary is out."""
        self._failed += rows
        return self._failed >= self._rows

    def answered(self) -> None:
        """A row was answered: the count begins anew."""
        self._failed = 0


def blow(folder: Path, state: FuseState) -> None:
    """Tell every worker that a canary is out."""
    write_durably(folder / _FILE, msgspec.json.encode(state))


def read_fuse(folder: Path) -> FuseState | None:
    """Return the last canary that was taken out, if any; the file is whole or not there."""
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=FuseState)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
