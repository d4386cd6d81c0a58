"""Which blobs the records name, field by field: what must be there for the store to be whole.

Deployments, rollouts, alarms and observations name versions, and no blob of their own; events,
tokens and webhooks name none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from lapwise.core.digest import Digest
from lapwise.core.model import DatasetVersion, ModelVersion, Run, StepResult
from lapwise.store import schema
from lapwise.store.blob_names import is_digest
from lapwise.store.encoding import decode

__all__ = ["blobs_named"]

# Fields of records under `record` (splits, feature frames, scorings) that hold a blob's digest.
_BLOB_FIELDS = ("assignment", "blob", "rows")


def blobs_named(connection: Connection) -> Iterator[tuple[Digest, str]]:
    """Yield (digest of a blob, what names it) for every record.

    Raises:
        CorruptError: a record does not decode.
    """
    for body in _bodies(connection, schema.dataset_version):
        version = decode(body, DatasetVersion)
        for part in version.parts:
            yield part.digest, f"dataset {version.table}@v{version.number}, file {part.name}"
    yield from _of_runs(connection)
    for body in _bodies(connection, schema.step_result):
        result = decode(body, StepResult)
        for output in result.outputs:
            yield output.digest, f"step {result.step}, output {output.name}"
    logged = schema.logged_artifact.c
    for id, name, digest in connection.execute(select(logged.model, logged.name, logged.digest)):
        yield digest, f"logged model {id}, file {name}"
    for body in _bodies(connection, schema.model_version):
        model = decode(body, ModelVersion)
        for artifact in model.artifacts:
            yield artifact.digest, f"model {model.model}@v{model.number}, file {artifact.name}"
        if model.verdicts is not None:
            yield model.verdicts, f"model {model.model}@v{model.number}, verdicts"
    query = select(schema.record.c.kind, schema.record.c.body)
    for kind, body in connection.execute(query):
        record: Any = msgspec.json.decode(body)
        for field in _BLOB_FIELDS:
            if isinstance(record, dict) and is_digest(str(record.get(field))):
                yield record[field], f"{kind}, {field}"


def _of_runs(connection: Connection) -> Iterator[tuple[Digest, str]]:
    for body in _bodies(connection, schema.run):
        run = decode(body, Run)
        if run.capture is not None:
            yield run.capture.packages, f"run {run.number:03d}, packages"
            if run.capture.patch is not None:
                yield run.capture.patch, f"run {run.number:03d}, patch"
    columns = schema.artifact.c
    for number, name, digest in connection.execute(
        select(columns.run, columns.name, columns.digest)
    ):
        yield digest, f"run {number:03d}, artifact {name}"


def _bodies(connection: Connection, table: Any) -> Iterator[str]:
    yield from connection.scalars(select(table.c.body).execution_options(yield_per=1000))
