"""Registered models and their versions as MLflow shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from lapwise.core.model import ModelVersion, Stage, Tag
from lapwise.core.tracked import RegisteredModel
from lapwise.registry.kept import DELETED, HIDDEN, RUN_LINK
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.wire import Answer, KeyValue, to_milliseconds, wired

__all__ = [
    "AliasShape",
    "FoundVersion",
    "FoundVersions",
    "ModelShape",
    "VersionShape",
    "latest_versions",
    "model_shapes",
    "stage_of",
    "version_shapes",
]

_STAGES: dict[Stage, str] = {
    "none": "None",
    "staging": "Staging",
    "canary": "Staging",  # MLflow has no word for it: it waits for production
    "production": "Production",
    "archived": "Archived",
}
_ENOUGH = 20


class AliasShape(Answer, frozen=True, kw_only=True):
    """A name for a version."""

    alias: str
    version: str


class VersionShape(Answer, frozen=True, kw_only=True):
    """A model version as MLflow shows it."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str = ""
    current_stage: str
    description: str = ""
    source: str = ""
    run_id: str = ""
    status: Literal["READY"]
    tags: tuple[KeyValue, ...] = ()
    run_link: str = ""
    aliases: tuple[str, ...] = ()
    model_id: str = ""


class FoundVersion(Answer, frozen=True, kw_only=True):
    """A version of a model."""

    model_version: VersionShape


class FoundVersions(Answer, frozen=True, kw_only=True):
    """Versions; ``next_page_token`` where more follow."""

    model_versions: tuple[VersionShape, ...] = ()
    next_page_token: str = ""


class ModelShape(Answer, frozen=True, kw_only=True):
    """A registered model as MLflow shows it."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    latest_versions: tuple[VersionShape, ...] = ()
    tags: tuple[KeyValue, ...] = ()
    aliases: tuple[AliasShape, ...] = ()


def stage_of(stage: Stage) -> str:
    """Return MLflow's word for a stage."""
    return _STAGES[stage]


def version_shapes(visit: Visit, versions: Sequence[ModelVersion]) -> tuple[VersionShape, ...]:
    """Return versions with their tags and aliases."""
    tags = visit.store.labels.of("version", [one.id for one in versions])
    aliases = visit.store.labels.of("alias", sorted({one.model for one in versions}))
    return tuple(
        _version(one, tags.get(one.id, ()), aliases.get(one.model, ())) for one in versions
    )


def _version(version: ModelVersion, tags: Iterable[Tag], aliases: Iterable[Tag]) -> VersionShape:
    number = str(version.number)
    said = {one.name: one.value for one in tags}
    return VersionShape(
        name=version.model,
        version=number,
        creation_timestamp=to_milliseconds(version.created),
        last_updated_timestamp=to_milliseconds(version.updated or version.created),
        user_id=version.user,
        current_stage=stage_of(version.stage),
        description=version.description,
        source=version.source or f"models:/{version.model}/{number}",
        run_id=version.lineage.run or "",
        status="READY",
        tags=wired(_shown(tags)),
        run_link=said.get(RUN_LINK, ""),
        aliases=tuple(one.name for one in aliases if one.value == number),
        model_id=version.logged or "",
    )


def model_shapes(visit: Visit, models: Sequence[RegisteredModel]) -> tuple[ModelShape, ...]:
    """Return registered models with their tags, aliases and newest versions."""
    names = [one.name for one in models]
    tags = visit.store.labels.of("model", names)
    aliases = visit.store.labels.of("alias", names)
    latest = [one for name in names for one in latest_versions(visit, name)]
    shown = dict(zip([one.id for one in latest], version_shapes(visit, latest), strict=True))
    return tuple(
        ModelShape(
            name=one.name,
            creation_timestamp=to_milliseconds(one.created),
            last_updated_timestamp=to_milliseconds(one.updated),
            description=one.description,
            latest_versions=tuple(shown[v.id] for v in latest if v.model == one.name),
            tags=wired(_shown(tags.get(one.name, ()))),
            aliases=tuple(
                AliasShape(alias=tag.name, version=tag.value) for tag in aliases.get(one.name, ())
            ),
        )
        for one in models
    )


def latest_versions(visit: Visit, model: str) -> list[ModelVersion]:
    """Return the newest version in each of MLflow's stages, the oldest first."""
    newest = visit.store.models.list(model, limit=_ENOUGH)
    found: dict[str, ModelVersion] = {}
    for one in newest:
        if DELETED not in one.marks:
            found.setdefault(stage_of(one.stage), one)
    if len(newest) == _ENOUGH:  # production may be far behind thousands that went nowhere
        for word in set(_STAGES.values()) - found.keys():
            for one in _newest(visit, model, word):
                found[word] = one
    return sorted(found.values(), key=lambda one: one.number)


def _newest(visit: Visit, model: str, word: str) -> Sequence[ModelVersion]:
    from lapwise.store.search.parse import quoted

    stages = ", ".join(quoted(stage) for stage, shown in _STAGES.items() if shown == word)
    where = f"name = {quoted(model)} AND stage IN ({stages})"
    return visit.store.models.search(where, order=["version_number DESC"], limit=1).items


def _shown(tags: Iterable[Tag]) -> list[Tag]:
    return [one for one in tags if not one.name.startswith(HIDDEN)]
