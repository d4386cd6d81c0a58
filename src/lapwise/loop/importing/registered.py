"""Bring the registry: names, versions with their numbers, stages, tags and aliases.

A version's files are those of the run or the logged model that was brought before; no byte is copied
again. Its stage comes with it: no loop governs an imported model, and nothing of it is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from lapwise.core.digest import digest_value
from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.ids import dated_id
from lapwise.core.model import Artifact, Tag
from lapwise.loop.importing.model import ForeignModel, ForeignVersion, Source
from lapwise.loop.importing.tally import Tally
from lapwise.registry.kept import RUN_LINK, keep

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["bring_models"]


def bring_models(
    store: Store, source: Source, tally: Tally, *, actor: str, runs: set[str] | None
) -> None:
    """Bring registered models with all their versions.

    Args:
        store: where to.
        source: where from.
        tally: counts them.
        actor: who stands in the audit log.
        runs: only versions that these runs made, and the models that have one; None for all.
    """
    for model in source.models():
        versions = [
            one for one in source.versions(model) if runs is None or (one.run or "") in runs
        ]
        if runs is not None and not versions:
            continue
        tally.add("registered models", 1, 0)
        with tally.kept_apart(f"registered model '{model.name}'"):
            _bring_name(store, model)
            tally.add("registered models", 0, 1)
            for version in versions:
                tally.add("versions", 1, 0)
                with tally.kept_apart(f"version {version.number} of '{model.name}'"):
                    _bring_version(store, version, actor)
                    tally.add("versions", 0, 1)
            _bring_aliases(store, model, {str(one.number) for one in versions}, tally)


def _bring_name(store: Store, model: ForeignModel) -> None:
    if "@" in model.name or not model.name.isprintable() or model.name == "*":
        raise ConflictError(
            "a model cannot have this name here",
            value=model.name,
            expected="a name without @ and unprintable characters",
            fix="rename it there first",
        )
    try:
        store.models.get_name(model.name)
    except NotFoundError:
        store.models.create_name(model.name, at=model.created, description=model.description)
    here = {one.name for one in store.labels.of("model", [model.name]).get(model.name, ())}
    absent = [tag for tag in model.tags if tag.name not in here]
    if absent:
        store.labels.set("model", model.name, absent)


def _bring_version(store: Store, version: ForeignVersion, actor: str) -> None:
    identity = digest_value(["mlflow", version.model, version.number, version.created])
    id = dated_id(version.created, identity)
    try:
        store.models.get(id)
    except NotFoundError:
        keep(
            store,
            model=version.model,
            artifacts=_files(store, version),
            actor=actor,
            at=version.created,
            source=version.source or version.place,
            logged=version.logged,
            run=_known_run(store, version.run),
            description=version.description,
            user=version.user,
            id=id,
            number=version.number,
            stage=version.stage,
            deleted=version.deleted,
        )
    labels = list(version.tags)
    if version.link:
        labels.append(Tag(name=RUN_LINK, value=version.link))
    here = {one.name for one in store.labels.of("version", [id]).get(id, ())}
    absent = [tag for tag in labels if tag.name not in here]
    if absent:
        store.labels.set("version", id, absent)


def _bring_aliases(store: Store, model: ForeignModel, numbers: set[str], tally: Tally) -> None:
    wanted = [one for one in model.aliases if one.value in numbers]
    here = {one.name for one in store.labels.of("alias", [model.name]).get(model.name, ())}
    absent = [one for one in wanted if one.name not in here]
    if absent:
        store.labels.set("alias", model.name, absent)
    here = {one.name for one in store.labels.of("alias", [model.name]).get(model.name, ())}
    tally.add("aliases", len(wanted), sum(one.name in here for one in wanted))


def _known_run(store: Store, run: str | None) -> str | None:
    """Return the run if it is here: a version outlives the run that made it."""
    if run is None:
        return None
    try:
        return store.runs.get(run).id
    except NotFoundError:
        return None


def _files(store: Store, version: ForeignVersion) -> tuple[Artifact, ...]:
    """Return the files of the logged model, or of the folder of the run, that a version names."""
    if version.logged:
        try:
            return tuple(store.logged.artifacts(store.logged.get(version.logged).id))
        except NotFoundError:
            return ()
    run = _known_run(store, version.run)
    if run is None:
        return ()
    for place in (version.place, version.source):
        key = _below_run(place, run)
        if key is not None:
            prefix = key + "/" if key else ""
            return tuple(
                Artifact(name=one.name[len(prefix) :], digest=one.digest, size=one.size)
                for one in store.runs.artifacts(run)
                if one.name.startswith(prefix)
            )
    return ()


def _below_run(place: str, run: str) -> str | None:
    """Return the folder below a run's artifacts that an address names, or None.

    >>> _below_run("mlflow-artifacts:/1/ab12/artifacts/model", "ab12")
    'model'
    >>> _below_run("runs:/ab12/nested/model", "ab12"), _below_run("s3://bucket/x", "ab12")
    ('nested/model', None)
    """
    path = unquote(place).rstrip("/")
    if path.startswith(f"runs:/{run}"):
        return path[len(f"runs:/{run}") :].strip("/")
    _, found, rest = path.partition(f"/{run}/artifacts")
    return rest.strip("/") if found else None
