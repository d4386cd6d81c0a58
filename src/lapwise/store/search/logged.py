"""Which names a filter may use for logged models."""

from __future__ import annotations

from sqlalchemy import JSON, FromClause, cast, func, select, type_coerce

from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.search.named import KINDS, labels_of, params_of, rows_named
from lapwise.store.search.subject import Attribute, Named, Subject

__all__ = ["logged_subject"]

_STATUS = "logged_model_"


def logged_subject(database: Database) -> Subject:
    """Return how logged models are searched for, those made last first where no order is given."""
    columns = schema.logged_model.c
    created = Attribute(column=columns.created, kind="millis")
    updated = Attribute(column=columns.updated, kind="millis")
    run = Attribute(column=columns.run)
    body = type_coerce(columns.body, JSON) if database.is_sqlite else cast(columns.body, JSON)
    kind = Attribute(column=body["kind"].as_string())
    return Subject(
        noun="logged models",
        table=schema.logged_model,
        key=columns.id,
        attributes={
            "id": Attribute(column=columns.id),
            "model_id": Attribute(column=columns.id),
            "name": Attribute(column=columns.name),
            "experiment": Attribute(column=columns.experiment),
            "status": Attribute(column=columns.status, read=_status),
            "kind": kind,
            "model_type": kind,
            "run": run,
            "run_id": run,
            "source_run_id": run,
            "created": Attribute(column=columns.created, kind="micros"),
            "updated": Attribute(column=columns.updated, kind="micros"),
            "creation_time": created,
            "creation_timestamp": created,
            "last_updated_time": updated,
            "last_updated_timestamp": updated,
        },
        named={
            "metrics": Named(
                table=schema.logged_metric,
                owner="model",
                key=columns.id,
                where=rows_named,
                number="value",
                nan=True,
                last=_last(),
            ),
            "params": params_of(schema.logged_param, "model", columns.id),
            "tags": labels_of("logged", columns.id),
        },
        kinds=KINDS,
    )


def _last() -> FromClause:
    """Return the metrics, of each name only the one of the highest step, then the latest."""
    columns = schema.logged_metric.c
    place = func.row_number().over(
        partition_by=(columns.model, columns.name),
        order_by=(columns.step.desc(), columns.at.desc(), columns.run, columns.dataset),
    )
    ranked = select(columns.model, columns.name, columns.value, place.label("place")).subquery()
    return (
        select(ranked.c.model, ranked.c.name, ranked.c.value).where(ranked.c.place == 1).subquery()
    )


def _status(text: str) -> tuple[str, ...]:
    return (text.lower().removeprefix(_STATUS),)
