"""Take a version of a page's table, as it was known at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.data.snapshot import snapshot

if TYPE_CHECKING:
    from lapwise.core.declaration import Table
    from lapwise.core.model import DatasetVersion
    from lapwise.loop.bootstrap import Workshop

__all__ = ["take_version"]


def take_version(
    workshop: Workshop, table: Table, *, watermark: int, accept: bool = False
) -> DatasetVersion:
    """Return the version of a table with the rows known before ``watermark``, kept in the store.

    Args:
        workshop: the project.
        table: as the page declares it.
        watermark: microseconds, exclusive.
        accept: take a table whose known content has changed.

    Raises:
        LapwiseError: it cannot be read, breaks its contract, or changed quietly.
    """
    return snapshot(
        table,
        workshop.store,
        root=workshop.project.root,
        watermark=watermark,
        accept=accept,
        progress=workshop.progress,
        fingerprint=workshop.engine.fingerprint,
    )
