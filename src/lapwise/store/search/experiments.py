"""Which names a filter may use for experiments."""

from __future__ import annotations

from sqlalchemy import Text, cast

from lapwise.store import schema
from lapwise.store.search.named import KINDS, labels_of
from lapwise.store.search.subject import Attribute, Subject

__all__ = ["experiment_subject"]


def experiment_subject() -> Subject:
    """Return how experiments are searched for."""
    columns = schema.experiment.c
    created = Attribute(column=columns.created, kind="millis")
    updated = Attribute(column=columns.updated, kind="millis")
    number = cast(columns.number, Text)
    return Subject(
        noun="experiments",
        table=schema.experiment,
        key=columns.number,
        attributes={
            "number": Attribute(column=columns.number, kind="number"),
            "name": Attribute(column=columns.name),
            "created": Attribute(column=columns.created, kind="micros"),
            "updated": Attribute(column=columns.updated, kind="micros"),
            "experiment_id": Attribute(column=number),
            "creation_time": created,
            "last_update_time": updated,
        },
        named={"tags": labels_of("experiment", number)},
        kinds=KINDS,
    )
