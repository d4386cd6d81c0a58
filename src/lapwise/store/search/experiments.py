"""Which names a filter may use for experiments."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Text, cast

from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.search.runs import KINDS
from lapwise.store.search.subject import Attribute, Named, Subject

__all__ = ["experiment_subject", "labels_of"]


def experiment_subject(_database: Database) -> Subject:
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
        kinds={name: kind for name, kind in KINDS.items() if name != "run"},
    )


def labels_of(kind: str, subject: ColumnElement[str]) -> Named:
    """Return the labels of a kind (``store/labels.py``) as tags of what ``subject`` names."""
    return Named(
        table=schema.label,
        owner="subject",
        key=subject,
        where=lambda rows, name: (rows.c.kind == kind) & (rows.c.name == name),
        text="value",
    )
