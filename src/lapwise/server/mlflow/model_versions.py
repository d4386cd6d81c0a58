"""MLflow's calls about versions of registered models."""

from __future__ import annotations

from lapwise.core.errors import StageError
from lapwise.core.model import ModelVersion, Tag
from lapwise.registry.kept import KEPT, RUN_LINK, keep
from lapwise.registry.registration import named
from lapwise.registry.ungoverned import delete_versions
from lapwise.server.mlflow.checking import check_description, checked_labels
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import find_model, find_version
from lapwise.server.mlflow.prompts import is_prompt, told_apart
from lapwise.server.mlflow.version_shapes import FoundVersion, FoundVersions, version_shapes
from lapwise.server.mlflow.version_sources import Source, source_of
from lapwise.server.mlflow.wire import EMPTY, Answer, KeyValue, Request, bounded, needed

__all__ = ["ENDPOINTS"]

_MOST = 200_000
_PAGE = 10_000  # of more, the rest comes by the token
_LONGEST_LINK = 500
_ORDER = ("last_updated_timestamp DESC", "name ASC", "version_number DESC")


class CreateVersion(Request, frozen=True, kw_only=True):
    """Asks for a version of files that are there."""

    name: str = ""
    source: str = ""
    run_id: str = ""
    tags: tuple[KeyValue, ...] = ()
    run_link: str = ""
    description: str = ""
    model_id: str = ""


class OneVersion(Request, frozen=True, kw_only=True):
    """Names a version."""

    name: str = ""
    version: str = ""


class UpdateVersion(Request, frozen=True, kw_only=True):
    """Asks for another description."""

    name: str = ""
    version: str = ""
    description: str = ""


class SearchVersions(Request, frozen=True, kw_only=True):
    """Asks for versions, a page at a time."""

    filter: str = ""
    max_results: int = _MOST
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class Address(Answer, frozen=True, kw_only=True):
    """Where a version's files are asked for."""

    artifact_uri: str


class SetVersionTag(Request, frozen=True, kw_only=True):
    """Asks for a tag."""

    name: str = ""
    version: str = ""
    key: str = ""
    value: str = ""


class DeleteVersionTag(Request, frozen=True, kw_only=True):
    """Asks for a tag to go."""

    name: str = ""
    version: str = ""
    key: str = ""


@endpoint("POST", "model-versions/create")
def create_model_version(visit: Visit, asked: CreateVersion) -> FoundVersion:
    """Register a version: the files of a run or a logged model as they are now, kept, never served."""
    model = find_model(visit, asked.name)
    tags = checked_labels(asked.tags)
    if is_prompt(asked.tags):
        source = Source(needed(asked.source, "source")[:_LONGEST_LINK])
    else:
        source = source_of(visit, asked.source, run=asked.run_id, logged=asked.model_id)
    version = keep(
        visit.store,
        model=model.name,
        artifacts=source.files,
        actor=visit.actor,
        at=visit.now(),
        source=source.address,
        logged=source.logged,
        run=source.run,
        description=check_description(asked.description),
    )
    if asked.run_link:
        tags[RUN_LINK] = asked.run_link[:_LONGEST_LINK]
    _tag(visit, version, tags)
    return _shown(visit, version)


@endpoint("GET", "model-versions/get")
def get_model_version(visit: Visit, asked: OneVersion) -> FoundVersion:
    """Return a version."""
    return _shown(visit, find_version(visit, asked.name, asked.version))


@endpoint("PATCH", "model-versions/update")
def update_model_version(visit: Visit, asked: UpdateVersion) -> FoundVersion:
    """Change what is said of a version."""
    found = find_version(visit, asked.name, asked.version)
    described = visit.store.models.describe(
        found.id, check_description(asked.description), visit.now()
    )
    return _shown(visit, described)


@endpoint("DELETE", "model-versions/delete")
def delete_model_version(visit: Visit, asked: OneVersion) -> Answer:
    """Archive a version and show it to no MLflow client any more; the log tells of it."""
    found = find_version(visit, asked.name, asked.version)
    try:
        delete_versions(visit.store, [found], by=visit.actor, at=visit.now(), subject=named(found))
    except StageError as error:
        raise Refusal(f"{error.thing}; to mend: {error.fix}", "PERMISSION_DENIED") from None
    return EMPTY


@endpoint("GET", "model-versions/search")
def search_model_versions(visit: Visit, asked: SearchVersions) -> FoundVersions:
    """Return versions for which a filter is true; those of prompts only where it asks for them."""
    page = visit.store.models.search(
        told_apart(asked.filter),
        order=asked.order_by or _ORDER,
        limit=min(bounded(asked.max_results, "max_results", _MOST), _PAGE),
        after=asked.page_token,
    )
    return FoundVersions(
        model_versions=version_shapes(visit, page.items), next_page_token=page.next
    )


@endpoint("GET", "model-versions/get-download-uri")
def get_download_uri(visit: Visit, asked: OneVersion) -> Address:
    """Return where a version's own files are: what the run logs later does not change them."""
    found = find_version(visit, asked.name, asked.version)
    if found.format == KEPT and not found.artifacts:
        return Address(artifact_uri=found.source)
    return Address(artifact_uri=f"mlflow-artifacts:/versions/{found.id}")


@endpoint("POST", "model-versions/set-tag")
def set_model_version_tag(visit: Visit, asked: SetVersionTag) -> Answer:
    """Set a tag of a version."""
    found = find_version(visit, asked.name, asked.version)
    _tag(visit, found, checked_labels((KeyValue(key=asked.key, value=asked.value),), ""))
    return EMPTY


@endpoint("DELETE", "model-versions/delete-tag")
def delete_model_version_tag(visit: Visit, asked: DeleteVersionTag) -> Answer:
    """Remove a tag of a version."""
    found = find_version(visit, asked.name, asked.version)
    visit.store.labels.remove("version", found.id, [needed(asked.key, "key")])
    return EMPTY


def _tag(visit: Visit, version: ModelVersion, tags: dict[str, str]) -> None:
    labels = [Tag(name=key, value=value) for key, value in tags.items()]
    if labels:
        visit.store.labels.set("version", version.id, labels)


def _shown(visit: Visit, version: ModelVersion) -> FoundVersion:
    return FoundVersion(model_version=version_shapes(visit, [version])[0])


ENDPOINTS = (
    create_model_version,
    get_model_version,
    update_model_version,
    delete_model_version,
    search_model_versions,
    get_download_uri,
    set_model_version_tag,
    delete_model_version_tag,
)
