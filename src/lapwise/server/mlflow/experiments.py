"""MLflow's calls about experiments."""

from __future__ import annotations

from typing import Literal

from lapwise.core.errors import ConflictError
from lapwise.core.model import Tag
from lapwise.core.tracked import Experiment
from lapwise.server.mlflow.checking import check_experiment_name, check_length, check_name
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.experiment_ids import by_id, by_name, id_of, need_active
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.wire import (
    EMPTY,
    Answer,
    KeyValue,
    Request,
    ViewType,
    archived_of,
    bounded,
    needed,
    to_milliseconds,
    wired,
)

__all__ = ["ENDPOINTS", "ExperimentShape"]

_LONGEST_VALUE = 20_000
_MOST = 50_000


class ExperimentShape(Answer, frozen=True, kw_only=True):
    """An experiment as MLflow shows it."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: Literal["active", "deleted"]
    last_update_time: int
    creation_time: int
    tags: tuple[KeyValue, ...] = ()


class CreateExperiment(Request, frozen=True, kw_only=True):
    """Asks for a new experiment."""

    name: str = ""
    artifact_location: str = ""
    tags: tuple[KeyValue, ...] = ()


class Created(Answer, frozen=True, kw_only=True):
    """Names the experiment that was made."""

    experiment_id: str


class OneExperiment(Request, frozen=True, kw_only=True):
    """Names an experiment by its id."""

    experiment_id: str = ""


class OneName(Request, frozen=True, kw_only=True):
    """Names an experiment."""

    experiment_name: str = ""


class Found(Answer, frozen=True, kw_only=True):
    """An experiment that was asked for."""

    experiment: ExperimentShape


class SearchExperiments(Request, frozen=True, kw_only=True):
    """Asks for experiments, a page at a time."""

    max_results: int = 1000
    page_token: str = ""
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view_type: ViewType = "ACTIVE_ONLY"


class FoundExperiments(Answer, frozen=True, kw_only=True):
    """A page of experiments."""

    experiments: tuple[ExperimentShape, ...] = ()
    next_page_token: str = ""


class UpdateExperiment(Request, frozen=True, kw_only=True):
    """Asks for a new name."""

    experiment_id: str = ""
    new_name: str = ""


class SetExperimentTag(Request, frozen=True, kw_only=True):
    """Asks for a tag."""

    experiment_id: str = ""
    key: str = ""
    value: str = ""


class DeleteExperimentTag(Request, frozen=True, kw_only=True):
    """Asks for a tag to go."""

    experiment_id: str = ""
    key: str = ""


@endpoint("POST", "experiments/create")
def create_experiment(visit: Visit, asked: CreateExperiment) -> Created:
    """Make an experiment. Artifacts are kept in the store, wherever that is."""
    name = needed(asked.name, "name")
    check_experiment_name(name)
    if asked.artifact_location and not asked.artifact_location.startswith("mlflow-artifacts:"):
        raise Refusal(
            "artifact_location: this server keeps artifacts in its own store, by their digest, "
            "and writes to no place that a client names; leave it out"
        )
    for at, tag in enumerate(asked.tags):
        _check_tag(tag.key, tag.value, f"tags[{at}].key")
    there = by_name(visit, name)
    if there is not None:
        raise _exists(there)
    labels = [Tag(name=tag.key, value=tag.value) for tag in asked.tags]
    try:
        made = visit.store.experiments.create(name, at=visit.now(), labels=labels)
    except ConflictError:
        there = by_name(visit, name)
        if there is None:
            raise
        raise _exists(there) from None
    return Created(experiment_id=id_of(made))


@endpoint("GET", "experiments/get")
def get_experiment(visit: Visit, asked: OneExperiment) -> Found:
    """Return an experiment, a deleted one too."""
    found = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    return Found(experiment=_shapes(visit, [found])[0])


@endpoint("GET", "experiments/get-by-name")
def get_experiment_by_name(visit: Visit, asked: OneName) -> Found:
    """Return an experiment, a deleted one too."""
    name = needed(asked.experiment_name, "experiment_name")
    found = by_name(visit, name)
    if found is None:
        raise Refusal(
            f"Could not find experiment with name '{name[:100]}'", "RESOURCE_DOES_NOT_EXIST"
        )
    return Found(experiment=_shapes(visit, [found])[0])


def _search(visit: Visit, asked: SearchExperiments) -> FoundExperiments:
    page = visit.store.experiments.search(
        asked.filter,
        order=asked.order_by,
        archived=archived_of(asked.view_type),
        limit=bounded(asked.max_results, "max_results", _MOST),
        after=asked.page_token,
    )
    return FoundExperiments(
        experiments=tuple(_shapes(visit, page.items)), next_page_token=page.next
    )


@endpoint("POST", "experiments/search")
def search_experiments(visit: Visit, asked: SearchExperiments) -> FoundExperiments:
    """Return experiments for which a filter is true."""
    return _search(visit, asked)


@endpoint("GET", "experiments/search")
def look_for_experiments(visit: Visit, asked: SearchExperiments) -> FoundExperiments:
    """Return experiments for which a filter is true."""
    return _search(visit, asked)


@endpoint("POST", "experiments/update")
def update_experiment(visit: Visit, asked: UpdateExperiment) -> Answer:
    """Rename an experiment."""
    found = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    name = needed(asked.new_name, "new_name")
    check_experiment_name(name)
    need_active(found)
    there = None if name == found.name else by_name(visit, name)
    if there is not None:
        raise _exists(there)
    visit.store.experiments.update(found.number, at=visit.now(), name=name)
    return EMPTY


@endpoint("POST", "experiments/delete")
def delete_experiment(visit: Visit, asked: OneExperiment) -> Answer:
    """Archive an experiment; nothing of it is lost."""
    found = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    if found.archived:
        raise Refusal(f"No Experiment with id={id_of(found)} exists", "RESOURCE_DOES_NOT_EXIST")
    visit.store.experiments.update(found.number, at=visit.now(), archived=True)
    return EMPTY


@endpoint("POST", "experiments/restore")
def restore_experiment(visit: Visit, asked: OneExperiment) -> Answer:
    """Bring an archived experiment back."""
    found = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    visit.store.experiments.update(found.number, at=visit.now(), archived=False)
    return EMPTY


@endpoint("POST", "experiments/set-experiment-tag")
def set_experiment_tag(visit: Visit, asked: SetExperimentTag) -> Answer:
    """Set a tag of an experiment."""
    found = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    _check_tag(asked.key, asked.value, "key")
    need_active(found)
    tag = Tag(name=asked.key, value=asked.value)
    visit.store.labels.set("experiment", str(found.number), [tag])
    return EMPTY


@endpoint("POST", "experiments/delete-experiment-tag")
def delete_experiment_tag(visit: Visit, asked: DeleteExperimentTag) -> Answer:
    """Remove a tag of an experiment."""
    found = by_id(visit, needed(asked.experiment_id, "experiment_id"))
    key = needed(asked.key, "key")
    need_active(found)
    subject = str(found.number)
    there = visit.store.labels.of("experiment", [subject]).get(subject, ())
    if all(tag.name != key for tag in there):
        raise Refusal(
            f"No tag with name: {key[:100]} in experiment with id {id_of(found)}",
            "RESOURCE_DOES_NOT_EXIST",
        )
    visit.store.labels.remove("experiment", subject, [key])
    return EMPTY


def _check_tag(key: str, value: str, where: str) -> None:
    check_name(key, where, "key")
    check_length(value, "value", _LONGEST_VALUE)


def _exists(there: Experiment) -> Refusal:
    name = there.name[:100]
    return Refusal(
        f"Experiment '{name}' already exists in deleted state. You can restore the experiment."
        if there.archived
        else f"Experiment(name={name}) already exists.",
        "RESOURCE_ALREADY_EXISTS",
    )


def _shapes(
    visit: Visit, experiments: list[Experiment] | tuple[Experiment, ...]
) -> list[ExperimentShape]:
    labels = visit.store.labels.of("experiment", [str(one.number) for one in experiments])
    return [
        ExperimentShape(
            experiment_id=id_of(one),
            name=one.name,
            artifact_location=f"mlflow-artifacts:/{id_of(one)}",
            lifecycle_stage="deleted" if one.archived else "active",
            last_update_time=to_milliseconds(one.updated),
            creation_time=to_milliseconds(one.created),
            tags=wired(labels.get(str(one.number), ())),
        )
        for one in experiments
    ]


ENDPOINTS = (
    create_experiment,
    get_experiment,
    get_experiment_by_name,
    search_experiments,
    look_for_experiments,
    update_experiment,
    delete_experiment,
    restore_experiment,
    set_experiment_tag,
    delete_experiment_tag,
)
