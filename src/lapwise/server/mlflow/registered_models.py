"""MLflow's calls about registered models: the names that versions are registered under."""

from __future__ import annotations

from lapwise.core.errors import ConflictError
from lapwise.core.model import Tag
from lapwise.core.tracked import RegisteredModel
from lapwise.registry.ungoverned import delete_versions, rename_model
from lapwise.server.mlflow.checking import check_description, check_model_name, checked_labels
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import find_model
from lapwise.server.mlflow.prompts import told_apart
from lapwise.server.mlflow.version_shapes import (
    FoundVersions,
    ModelShape,
    latest_versions,
    model_shapes,
    version_shapes,
)
from lapwise.server.mlflow.version_stages import check_stage
from lapwise.server.mlflow.wire import EMPTY, Answer, KeyValue, Request, bounded, needed

__all__ = ["ENDPOINTS"]

_MOST = 1000
_ALL = 1_000_000


class CreateModel(Request, frozen=True, kw_only=True):
    """Asks for a new name."""

    name: str = ""
    tags: tuple[KeyValue, ...] = ()
    description: str = ""


class OneModel(Request, frozen=True, kw_only=True):
    """Names a registered model."""

    name: str = ""


class FoundModel(Answer, frozen=True, kw_only=True):
    """A registered model."""

    registered_model: ModelShape


class RenameModel(Request, frozen=True, kw_only=True):
    """Asks for another name."""

    name: str = ""
    new_name: str = ""


class UpdateModel(Request, frozen=True, kw_only=True):
    """Asks for another description."""

    name: str = ""
    description: str = ""


class SearchModels(Request, frozen=True, kw_only=True):
    """Asks for registered models, a page at a time."""

    filter: str = ""
    max_results: int = 100
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class FoundModels(Answer, frozen=True, kw_only=True):
    """A page of registered models."""

    registered_models: tuple[ModelShape, ...] = ()
    next_page_token: str = ""


class LatestVersions(Request, frozen=True, kw_only=True):
    """Asks for the newest version in each stage."""

    name: str = ""
    stages: tuple[str, ...] = ()


class SetModelTag(Request, frozen=True, kw_only=True):
    """Asks for a tag."""

    name: str = ""
    key: str = ""
    value: str = ""


class DeleteModelTag(Request, frozen=True, kw_only=True):
    """Asks for a tag to go."""

    name: str = ""
    key: str = ""


@endpoint("POST", "registered-models/create")
def create_registered_model(visit: Visit, asked: CreateModel) -> FoundModel:
    """Make a name; one that was deleted comes back empty, its numbers go on."""
    name = check_model_name(asked.name)
    tags = checked_labels(asked.tags)
    description = check_description(asked.description)
    try:
        made = visit.store.models.create_name(name, at=visit.now(), description=description)
    except ConflictError:
        made = _back(visit, name, description)
    _tag(visit, name, tags)
    return _shown(visit, made)


def _back(visit: Visit, name: str, description: str) -> RegisteredModel:
    found = visit.store.models.get_name(name)
    if not found.archived:
        raise Refusal(f"Registered Model (name={name}) already exists.", "RESOURCE_ALREADY_EXISTS")
    older = visit.store.labels.of("model", [name]).get(name, ())
    visit.store.labels.remove("model", name, [one.name for one in older])
    return visit.store.models.update_name(
        name, at=visit.now(), description=description, archived=False
    )


@endpoint("GET", "registered-models/get")
def get_registered_model(visit: Visit, asked: OneModel) -> FoundModel:
    """Return a registered model."""
    return _shown(visit, find_model(visit, asked.name))


@endpoint("POST", "registered-models/rename")
def rename_registered_model(visit: Visit, asked: RenameModel) -> FoundModel:
    """Give a model another name, and all its versions with it; the log tells of it."""
    found = find_model(visit, asked.name)
    new = check_model_name(asked.new_name, "new_name")
    if new != found.name:
        try:
            rename_model(visit.store, found.name, new, by=visit.actor, at=visit.now())
        except ConflictError as error:
            code = "RESOURCE_CONFLICT" if found.governed else "RESOURCE_ALREADY_EXISTS"
            raise Refusal(error.thing, code) from None
    return _shown(visit, find_model(visit, new))


@endpoint("PATCH", "registered-models/update")
def update_registered_model(visit: Visit, asked: UpdateModel) -> FoundModel:
    """Change what is said of a model."""
    found = find_model(visit, asked.name)
    description = check_description(asked.description)
    found = visit.store.models.update_name(found.name, at=visit.now(), description=description)
    return _shown(visit, found)


@endpoint("DELETE", "registered-models/delete")
def delete_registered_model(visit: Visit, asked: OneModel) -> Answer:
    """Archive a model with all its versions; nothing of it is lost, and the log tells of it."""
    found = find_model(visit, asked.name)
    if found.governed:
        raise Refusal(
            f"Model '{found.name}' is governed by a loop and cannot be deleted; "
            f"put single versions away: lapwise archive {found.name}@vN",
            "PERMISSION_DENIED",
        )
    versions = visit.store.models.list(found.name, limit=_ALL)
    delete_versions(visit.store, versions, by=visit.actor, at=visit.now(), subject=found.name)
    visit.store.models.update_name(found.name, at=visit.now(), archived=True)
    return EMPTY


def _search(visit: Visit, asked: SearchModels) -> FoundModels:
    page = visit.store.models.search_names(
        told_apart(asked.filter),
        order=asked.order_by,
        limit=bounded(asked.max_results, "max_results", _MOST),
        after=asked.page_token,
    )
    return FoundModels(registered_models=model_shapes(visit, page.items), next_page_token=page.next)


@endpoint("GET", "registered-models/search")
def search_registered_models(visit: Visit, asked: SearchModels) -> FoundModels:
    """Return models for which a filter is true; prompts only where it asks for them."""
    return _search(visit, asked)


def _latest(visit: Visit, asked: LatestVersions) -> FoundVersions:
    found = find_model(visit, asked.name)
    wanted = {check_stage(one) for one in asked.stages}
    shown = version_shapes(visit, latest_versions(visit, found.name))
    return FoundVersions(
        model_versions=tuple(one for one in shown if not wanted or one.current_stage in wanted)
    )


@endpoint("POST", "registered-models/get-latest-versions")
def get_latest_versions(visit: Visit, asked: LatestVersions) -> FoundVersions:
    """Return the newest version in each stage."""
    return _latest(visit, asked)


@endpoint("GET", "registered-models/get-latest-versions")
def look_for_latest_versions(visit: Visit, asked: LatestVersions) -> FoundVersions:
    """Return the newest version in each stage."""
    return _latest(visit, asked)


@endpoint("POST", "registered-models/set-tag")
def set_registered_model_tag(visit: Visit, asked: SetModelTag) -> Answer:
    """Set a tag of a model."""
    found = find_model(visit, asked.name)
    _tag(visit, found.name, checked_labels((KeyValue(key=asked.key, value=asked.value),), ""))
    return EMPTY


@endpoint("DELETE", "registered-models/delete-tag")
def delete_registered_model_tag(visit: Visit, asked: DeleteModelTag) -> Answer:
    """Remove a tag of a model."""
    found = find_model(visit, asked.name)
    visit.store.labels.remove("model", found.name, [needed(asked.key, "key")])
    return EMPTY


def _tag(visit: Visit, name: str, tags: dict[str, str]) -> None:
    labels = [Tag(name=key, value=value) for key, value in tags.items()]
    if labels:
        visit.store.labels.set("model", name, labels)


def _shown(visit: Visit, model: RegisteredModel) -> FoundModel:
    return FoundModel(registered_model=model_shapes(visit, [model])[0])


ENDPOINTS = (
    create_registered_model,
    get_registered_model,
    rename_registered_model,
    update_registered_model,
    delete_registered_model,
    search_registered_models,
    get_latest_versions,
    look_for_latest_versions,
    set_registered_model_tag,
    delete_registered_model_tag,
)
