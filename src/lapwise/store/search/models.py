"""Which names a filter may use for models and their versions."""

from __future__ import annotations

from lapwise.store import schema
from lapwise.store.search.named import KINDS, labels_of
from lapwise.store.search.subject import Attribute, Subject

__all__ = ["model_subject", "version_subject"]

_TAGS = {name: kind for name, kind in KINDS.items() if kind in {"attributes", "tags"}}


def model_subject() -> Subject:
    """Return how names of models are searched for, by name where no order is given."""
    columns = schema.registered_model.c
    return Subject(
        noun="models",
        table=schema.registered_model,
        key=columns.name,
        attributes={
            "name": Attribute(column=columns.name),
            "description": Attribute(column=columns.description),
            "governed": Attribute(column=columns.governed, kind="number"),
            "created": Attribute(column=columns.created, kind="micros"),
            "updated": Attribute(column=columns.updated, kind="micros"),
            "creation_timestamp": Attribute(column=columns.created, kind="millis"),
            "last_updated_timestamp": Attribute(column=columns.updated, kind="millis"),
            "timestamp": Attribute(column=columns.updated, kind="millis"),
        },
        named={"tags": labels_of("model", columns.name)},
        kinds=_TAGS,
        descending=False,
    )


def version_subject() -> Subject:
    """Return how versions are searched for, the newest first where no order is given."""
    columns = schema.model_version.c
    number = Attribute(column=columns.number, kind="number")
    source = Attribute(column=columns.source)
    return Subject(
        noun="versions",
        table=schema.model_version,
        key=columns.id,
        attributes={
            "id": Attribute(column=columns.id),
            "name": Attribute(column=columns.model),
            "model": Attribute(column=columns.model),
            "number": number,
            "version": number,
            "version_number": number,
            "digest": Attribute(column=columns.digest),
            "run_id": Attribute(column=columns.run),
            "source": source,
            "source_path": source,
            "stage": Attribute(column=columns.stage, read=lambda text: (text.lower(),)),
            "description": Attribute(column=columns.description),
            "created": Attribute(column=columns.created, kind="micros"),
            "updated": Attribute(column=columns.updated, kind="micros"),
            "creation_timestamp": Attribute(column=columns.created, kind="millis"),
            "last_updated_timestamp": Attribute(column=columns.updated, kind="millis"),
        },
        named={"tags": labels_of("version", columns.id)},
        kinds=_TAGS,
    )
