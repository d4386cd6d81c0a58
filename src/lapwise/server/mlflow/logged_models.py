"""MLflow 3's calls about logged models: what runs saved and nobody registered yet."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from lapwise.core.model import Param, Tag
from lapwise.core.tracked import LoggedMetric, LoggedModel, LoggedStatus
from lapwise.server.mlflow.checking import check_length, check_name, checked_params
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.experiment_ids import Ids, by_id, experiments_of, need_active
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import find_logged, find_run
from lapwise.server.mlflow.run_names import new_run_name
from lapwise.server.mlflow.run_shapes import MetricShape
from lapwise.server.mlflow.wire import (
    EMPTY,
    Answer,
    KeyValue,
    Request,
    bounded,
    needed,
    number,
    text_of,
    to_milliseconds,
    wired,
)

__all__ = ["ENDPOINTS"]

_MOST = 1000
_NAME = re.compile(r"[^/:.%\"'\x00-\x1f]{1,255}")
_SHOWN: dict[LoggedStatus, str] = {
    "pending": "LOGGED_MODEL_PENDING",
    "ready": "LOGGED_MODEL_READY",
    "failed": "LOGGED_MODEL_UPLOAD_FAILED",
}
_STATUS: dict[str | int, LoggedStatus] = {
    **{shown: status for status, shown in _SHOWN.items()},
    1: "pending",
    2: "ready",
    3: "failed",
}


class LoggedInfo(Answer, frozen=True, kw_only=True):
    """What is said of a logged model itself."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int
    last_updated_timestamp_ms: int
    artifact_uri: str
    status: str
    model_type: str = ""
    source_run_id: str = ""
    status_message: str = ""
    tags: tuple[KeyValue, ...] = ()


class LoggedData(Answer, frozen=True, kw_only=True):
    """What was logged to a model."""

    params: tuple[KeyValue, ...] = ()
    metrics: tuple[MetricShape, ...] = ()


class LoggedShape(Answer, frozen=True, kw_only=True):
    """A logged model as MLflow shows it."""

    info: LoggedInfo
    data: LoggedData


class OneShape(Answer, frozen=True, kw_only=True):
    """A logged model that was made or asked for."""

    model: LoggedShape


class CreateLogged(Request, frozen=True, kw_only=True):
    """Asks for a new logged model, whose files are to come."""

    experiment_id: str = ""
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: tuple[KeyValue, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class OneLogged(Request, frozen=True, kw_only=True):
    """Names a logged model."""

    model_id: str = ""


class Finalize(Request, frozen=True, kw_only=True):
    """Says that all files of a logged model came, or that they did not."""

    model_id: str = ""
    status: str | int = ""


class DatasetFilter(Request, frozen=True, kw_only=True):
    """A dataset on which metrics of a filter were measured."""

    dataset_name: str = ""
    dataset_digest: str = ""


class OrderBy(Request, frozen=True, kw_only=True):
    """What logged models are sorted by."""

    field_name: str = ""
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


class SearchLogged(Request, frozen=True, kw_only=True):
    """Asks for logged models, a page at a time."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    datasets: tuple[DatasetFilter, ...] = ()
    max_results: int = 100
    order_by: tuple[OrderBy, ...] = ()
    page_token: str = ""


class FoundLogged(Answer, frozen=True, kw_only=True):
    """A page of logged models."""

    models: tuple[LoggedShape, ...] = ()
    next_page_token: str = ""


class SetTags(Request, frozen=True, kw_only=True):
    """Asks for tags."""

    model_id: str = ""
    tags: tuple[KeyValue, ...] = ()


class DeleteTag(Request, frozen=True, kw_only=True):
    """Asks for a tag to go."""

    model_id: str = ""
    tag_key: str = ""


class LogParams(Request, frozen=True, kw_only=True):
    """Asks for parameters to be kept."""

    model_id: str = ""
    params: tuple[KeyValue, ...] = ()


@endpoint("POST", "logged-models")
def create_logged(visit: Visit, asked: CreateLogged) -> OneShape:
    """Make a logged model, pending until its files are there."""
    experiment = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    need_active(experiment)
    name = asked.name or new_run_name()
    if not _NAME.fullmatch(name):
        raise Refusal(
            f"Invalid model name ({name[:100]!r}) provided. Model name must be a non-empty string "
            "and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )
    params = checked_params(asked.params)
    _check_tags(asked.tags)
    run = find_run(visit, asked.source_run_id).id if asked.source_run_id else None
    now = visit.now()
    made = visit.store.logged.create(
        LoggedModel(
            id=f"m-{uuid.uuid4().hex}",
            experiment=experiment.name,
            name=name,
            run=run,
            status="pending",
            created=now,
            updated=now,
            kind=asked.model_type,
            params=tuple(Param(name=key, value=value) for key, value in params.items()),
        ),
        [Tag(name=tag.key, value=tag.value) for tag in asked.tags],
    )
    return _one(visit, made)


@endpoint("GET", "logged-models/{model_id}")
def get_logged(visit: Visit, asked: OneLogged) -> OneShape:
    """Return a logged model."""
    return _one(visit, find_logged(visit, asked.model_id))


@endpoint("PATCH", "logged-models/{model_id}")
def finalize_logged(visit: Visit, asked: Finalize) -> OneShape:
    """Say whether the files of a logged model came."""
    found = find_logged(visit, asked.model_id)
    status = _STATUS.get(asked.status)
    if status is None or status == "pending":
        raise Refusal(f"Invalid model status: it is one of {[*_SHOWN.values()][1:]}")
    return _one(visit, visit.store.logged.update(found.id, at=visit.now(), status=status))


@endpoint("DELETE", "logged-models/{model_id}")
def delete_logged(visit: Visit, asked: OneLogged) -> Answer:
    """Archive a logged model; nothing of it is lost."""
    found = find_logged(visit, asked.model_id)
    visit.store.logged.update(found.id, at=visit.now(), archived=True)
    return EMPTY


@endpoint("POST", "logged-models/search")
def search_logged(visit: Visit, asked: SearchLogged) -> FoundLogged:
    """Return logged models for which a filter is true."""
    if not asked.experiment_ids:
        raise Refusal("experiment_ids: at least one is needed")
    if asked.datasets or any(one.dataset_name for one in asked.order_by):
        raise Refusal(
            "logged models are not searched by the dataset of a metric yet; "
            "leave `datasets` out, and look at the metrics of what is found",
            "NOT_IMPLEMENTED",
        )
    most = bounded(asked.max_results, "max_results", _MOST)
    among = experiments_of(visit, asked.experiment_ids)
    if not among:
        return FoundLogged()
    page = visit.store.logged.search(
        asked.filter,
        experiments=[one.name for one in among],
        order=[f"{one.field_name} {'ASC' if one.ascending else 'DESC'}" for one in asked.order_by],
        limit=most,
        after=asked.page_token,
    )
    return FoundLogged(models=tuple(_shapes(visit, page.items)), next_page_token=page.next)


@endpoint("PATCH", "logged-models/{model_id}/tags")
def set_tags(visit: Visit, asked: SetTags) -> OneShape:
    """Set tags of a logged model."""
    found = find_logged(visit, asked.model_id)
    _check_tags(asked.tags)
    tags = [Tag(name=tag.key, value=tag.value) for tag in asked.tags]
    visit.store.labels.set("logged", found.id, tags)
    return _one(visit, visit.store.logged.update(found.id, at=visit.now()))


@endpoint("DELETE", "logged-models/{model_id}/tags/{tag_key}")
def delete_tag(visit: Visit, asked: DeleteTag) -> Answer:
    """Remove a tag of a logged model."""
    found = find_logged(visit, asked.model_id)
    there = visit.store.labels.of("logged", [found.id]).get(found.id, ())
    if all(tag.name != asked.tag_key for tag in there):
        raise Refusal(
            f"No tag with key {asked.tag_key[:100]!r} found for model with ID {found.id!r}.",
            "RESOURCE_DOES_NOT_EXIST",
        )
    visit.store.labels.remove("logged", found.id, [asked.tag_key])
    return EMPTY


@endpoint("POST", "logged-models/{model_id}/params")
def log_params(visit: Visit, asked: LogParams) -> Answer:
    """Keep parameters of a logged model."""
    found = find_logged(visit, asked.model_id)
    params = checked_params(asked.params)
    kept = {one.name: text_of(one.value) for one in found.params}
    for key, value in params.items():
        if kept.get(key, value) != value:
            raise Refusal(
                f"Changing param values is not allowed. Param with key='{key}' was already logged "
                f"with value='{kept[key][:200]}' for model ID='{found.id}'."
            )
    visit.store.logged.log(
        found.id, params=[Param(name=key, value=value) for key, value in params.items()]
    )
    return EMPTY


def _check_tags(tags: Sequence[KeyValue]) -> None:
    for at, tag in enumerate(tags):
        check_name(tag.key, f"tags[{at}].key", "key")
        check_length(tag.value, f"tags[{at}].value", 100_000)


def _one(visit: Visit, model: LoggedModel) -> OneShape:
    return OneShape(model=_shapes(visit, [model])[0])


def _shapes(visit: Visit, models: Sequence[LoggedModel]) -> list[LoggedShape]:
    ids = Ids(visit)
    of = [one.id for one in models]
    labels = visit.store.labels.of("logged", of)
    metrics = visit.store.logged.metrics(of)
    return [
        _shape(one, ids.of(one.experiment), labels.get(one.id, ()), metrics.get(one.id, ()))
        for one in models
    ]


def _shape(
    model: LoggedModel, experiment: str, tags: Sequence[Tag], metrics: Sequence[LoggedMetric]
) -> LoggedShape:
    return LoggedShape(
        info=LoggedInfo(
            model_id=model.id,
            experiment_id=experiment,
            name=model.name,
            creation_timestamp_ms=to_milliseconds(model.created),
            last_updated_timestamp_ms=to_milliseconds(model.updated),
            artifact_uri=f"mlflow-artifacts:/{experiment}/models/{model.id}/artifacts",
            status=_SHOWN[model.status],
            model_type=model.kind,
            source_run_id=model.run or "",
            status_message=model.message,
            tags=wired(tags),
        ),
        data=LoggedData(
            params=tuple(KeyValue(key=one.name, value=text_of(one.value)) for one in model.params),
            metrics=tuple(
                MetricShape(
                    key=one.metric.name,
                    value=number(one.metric.value),
                    timestamp=to_milliseconds(one.metric.at),
                    step=one.metric.step,
                    dataset_name=one.dataset,
                    dataset_digest=one.digest,
                    model_id=model.id,
                    run_id=one.run,
                )
                for one in metrics
            ),
        ),
    )


ENDPOINTS = (
    create_logged,
    get_logged,
    finalize_logged,
    delete_logged,
    search_logged,
    set_tags,
    delete_tag,
    log_params,
)
