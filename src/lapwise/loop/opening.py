"""Opens a project's store for those who would rather go on than wait for a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.loop.project import Project

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["open_impatiently"]


def open_impatiently(project: Project, patience: float) -> Store:
    """Return the store of a project; for one over HTTP nothing is sent before the first call.

    Args:
        project: whose store.
        patience: seconds for which one call insists on a server that does not answer.

    Raises:
        StoreError: a store that is not behind a server cannot be opened.
    """
    from lapwise.store.address import is_remote

    if is_remote(project.store):
        from lapwise.store.remote import open_remote

        return open_remote(project.store, patience=patience)
    from lapwise.store.open import open_store

    return open_store(project.store, project.blobs)
