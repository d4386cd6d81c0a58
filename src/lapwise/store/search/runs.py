"""Which names a filter may use for runs."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, select, true

from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.liveness import status_of
from lapwise.store.search.named import KINDS, params_of, rows_named
from lapwise.store.search.subject import Attribute, Named, Subject

__all__ = ["run_subject"]

# What MLflow's clients keep in tags and search for there, and a Lapwise run in columns. A tag that the
# run has comes before them, in filters as where it is shown.
_TAGGED = {
    "lapwise.lap": "lap",
    "mlflow.parentRunId": "parent",
    "mlflow.runName": "name",
    "mlflow.source.git.commit": "code",
    "mlflow.user": "user",
}

# An MLflow client is told that a crashed run failed, so in its spelling that is what failed means.
_STATUS = {"FAILED": ("failed", "crashed")}


def run_subject(database: Database) -> Subject:
    """Return how runs are searched for."""
    run = schema.run.c
    started = Attribute(column=run.started, kind="millis")
    name = Attribute(column=run.name)
    attributes = {
        "number": Attribute(column=run.number, kind="number"),
        "id": Attribute(column=run.id),
        "name": name,
        "status": Attribute(column=status_of(database), read=_status),
        "started": Attribute(column=run.started, kind="micros"),
        "ended": Attribute(column=run.ended, kind="micros"),
        "user": Attribute(column=run.user),
        "experiment": Attribute(column=run.experiment),
        "parent": Attribute(column=run.parent),
        "lap": Attribute(column=run.lap),
        "code": Attribute(column=run.code),
        "run_id": Attribute(column=run.id),
        "run_name": name,
        "run name": name,
        "start_time": started,
        "created": started,
        "end_time": Attribute(column=run.ended, kind="millis"),
        "user_id": Attribute(column=run.user),
    }
    return Subject(
        noun="runs",
        table=schema.run,
        key=run.number,
        attributes=attributes,
        named={
            "metrics": Named(
                table=schema.metric_latest,
                owner="run",
                key=run.number,
                where=_metric_rows,
                number="value",
                nan=True,
            ),
            "params": params_of(schema.param, "run", run.number),
            "tags": Named(
                table=schema.tag,
                owner="run",
                key=run.number,
                where=rows_named,
                text="value",
                otherwise={name: run[column] for name, column in _TAGGED.items()},
            ),
            "dataset": Named(
                table=schema.run_input,
                owner="run",
                key=run.number,
                where=lambda _table, _name: true(),
                fields=("name", "digest", "context"),
            ),
        },
        kinds={**KINDS, "run": "attributes"},
        refused={
            "artifact_uri": "another attribute: artifacts are kept by content, and have no address",
        },
    )


def _metric_rows(table: FromClause, name: str) -> ColumnElement[bool]:
    """Return which rows of a table with ``key`` are of the metric of a name."""
    key = schema.metric_key.c
    return table.c.key == select(key.id).where(key.name == name).scalar_subquery()


def _status(text: str) -> tuple[str, ...]:
    return _STATUS.get(text, (text.lower(),))
