"""What is normal for a version, kept beside it and read by whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lapwise.core.errors import NotFoundError
from lapwise.loop.steps.reference import freeze_reference
from lapwise.monitoring import Reference

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion
    from lapwise.loop.course import Course
    from lapwise.store.model import Store

__all__ = ["REFERENCE", "keep_reference", "read_reference"]

REFERENCE = "reference"
"""The kind of record; it stands under the version's id."""


def keep_reference(course: Course, version: ModelVersion) -> None:
    """Freeze and keep what is normal for the lap's version."""
    store = course.workshop.store
    run = course.call(
        "reference",
        freeze_reference,
        course.of(),
        course.scores,
        list(course.loop.feature_names),
        list(version.classes),
        course.loop.examples.row,
        rows=course.rows,
    )
    store.records.add(REFERENCE, version.id, run.handle.value())


def read_reference(store: Store, version: str) -> Reference | None:
    """Return what is normal for a version by id; None if nothing was kept."""
    try:
        return cast("Reference", store.records.get(REFERENCE, version, Reference))
    except NotFoundError:
        return None
