"""Ships what processes that are no more had logged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.core.protocols import Progress, SilentProgress
from lapwise.loop.project import find_project

if TYPE_CHECKING:
    from lapwise.tracking.model import Recovery

__all__ = ["sync"]

PATIENCE = 5.0
"""Seconds for which one call insists on a server; whoever syncs may do it again."""


def sync(start: Path, progress: Progress | None = None) -> tuple[Recovery, ...]:
    """Bring what waits on this disk to the store of the project around ``start``.

    Runs whose process is alive are left alone: it ships what they log itself.

    Args:
        start: a folder in the project.
        progress: where to show how far it has come.

    Returns:
        One entry for each log that was found, also those of living processes and other stores.

    Raises:
        StoreError: the store cannot be opened.
    """
    from lapwise.store.open import open_store
    from lapwise.tracking.recovery import recover
    from lapwise.tracking.wal import log_folder

    project = find_project(start)
    if not any(log_folder(project.root).glob("*.wal")):
        return ()  # and no store is made for it
    with open_store(project.store, project.blobs, patience=PATIENCE) as store:
        shown = progress or SilentProgress()
        return recover(store, project.root, progress=shown, all_stores=True)
