"""What records say of one another by name, where the database holds no reference: is it there?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from lapwise.core.model import ModelVersion
from lapwise.store import schema
from lapwise.store.blob_names import digests_of
from lapwise.store.encoding import decode

__all__ = ["broken_links"]

_VERSION = schema.model_version.c
_LABEL = schema.label.c


def broken_links(connection: Connection) -> Iterator[str]:
    """Yield a clause for each record that names another which is not there, or says otherwise.

    Raises:
        CorruptError: a record does not decode.
    """
    yield from _experiments(connection)
    yield from _versions(connection)
    yield from _labels(connection)
    yield from _news(connection)


def _experiments(connection: Connection) -> Iterator[str]:
    known = select(schema.experiment.c.name)
    for table, what in ((schema.run, "runs"), (schema.logged_model, "logged models")):
        name = table.c.experiment
        query = select(name, func.count()).where(name.not_in(known)).group_by(name)
        for experiment, count in connection.execute(query.order_by(name)):
            yield f"{count} {what} are of experiment '{experiment}', which is not there"
    model = schema.logged_model.c
    lost = model.run.is_not(None) & model.run.not_in(select(schema.run.c.id))
    for id, run in connection.execute(select(model.id, model.run).where(lost).order_by(model.id)):
        yield f"logged model {id} is of run {run}, which is not there"


def _versions(connection: Connection) -> Iterator[str]:
    names = schema.registered_model.c
    query = select(names.name, names.governed)
    governed = {row.name: row.governed for row in connection.execute(query)}
    holds: dict[str, set[str]] = {}
    for id, digest in connection.execute(
        select(schema.version_blob.c.version, schema.version_blob.c.digest)
    ):
        holds.setdefault(id, set()).add(digest)
    versions = select(
        _VERSION.id, _VERSION.model, _VERSION.number, _VERSION.governed, _VERSION.body
    ).order_by(_VERSION.id)
    for id, model, number, flag, body in connection.execute(versions):
        version = decode(body, ModelVersion)
        if model not in governed:
            yield f"model '{model}' has a v{number} and no name of its own"
        elif flag != governed[model] or (version.lineage.lap is not None and not flag):
            yield f"{model} v{number} and its name disagree whether a loop governs them"
        if digests_of(body) - holds.get(id, set()):
            yield f"{model} v{number} names a blob that is not counted as its own"


def _labels(connection: Connection) -> Iterator[str]:
    numbered = {
        (model, str(number))
        for model, number in connection.execute(select(_VERSION.model, _VERSION.number))
    }
    experiments = connection.scalars(select(schema.experiment.c.number))
    there = {
        "experiment": {str(number) for number in experiments},
        "logged": set(connection.scalars(select(schema.logged_model.c.id))),
        "model": set(connection.scalars(select(schema.registered_model.c.name))),
        "version": set(connection.scalars(select(_VERSION.id))),
    }
    query = select(_LABEL.kind, _LABEL.subject, _LABEL.name, _LABEL.value)
    for kind, subject, name, value in connection.execute(query.order_by(*_LABEL[:3])):
        if kind == "alias":
            if (subject, value) not in numbered:
                yield f"alias '{name}' of '{subject}' names version {value}, which is not there"
        elif subject not in there.get(kind, ()):
            yield f"label '{name}' is of {kind} {subject}, which is not there"


def _news(connection: Connection) -> Iterator[str]:
    last = connection.scalar(select(func.max(schema.event.c.number))) or 0
    hook = schema.webhook.c
    for id in connection.scalars(select(hook.id).where(hook.seen > last).order_by(hook.id)):
        yield f"webhook {id} has seen events that are not there"
