"""MLflow's calls that add to a run: parameters, metrics, tags, inputs, outputs.

A client sends a request again when the answer did not come. What is sent again is the same to the
byte, so a batch of points is named by its digest and counted once; MLflow itself keeps equal points
(name, step, time, value) once, too.
"""

from __future__ import annotations

import msgspec

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import ConflictError
from lapwise.core.model import Metric, Param, Run, Tag
from lapwise.core.tracked import LOGGED_MODEL, LoggedMetric, RunInput
from lapwise.server.mlflow.checking import (
    check_batch,
    check_length,
    check_name,
    checked_params,
    checked_tags,
)
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import active_run, find_logged
from lapwise.server.mlflow.run_tags import NAME
from lapwise.server.mlflow.wire import (
    EMPTY,
    Answer,
    KeyValue,
    Request,
    from_milliseconds,
    needed,
    tags_of,
)

__all__ = ["ENDPOINTS"]

_HISTORY = "mlflow.log-model.history"
_LONGEST_HISTORY = 1_000_000
_MOST_DATASETS = 1000
_STEPS = 2**63


class LogMetric(Request, frozen=True, kw_only=True):
    """Asks for one number to be kept."""

    run_id: str = ""
    run_uuid: str = ""
    key: str = ""
    value: float | None = None
    timestamp: int | None = None
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LogParam(Request, frozen=True, kw_only=True):
    """Asks for one parameter to be kept."""

    run_id: str = ""
    run_uuid: str = ""
    key: str = ""
    value: str = ""


class LogBatch(Request, frozen=True, kw_only=True):
    """Asks for many things to be kept at once."""

    run_id: str = ""
    metrics: tuple[LogMetric, ...] = ()
    params: tuple[KeyValue, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class SetTag(Request, frozen=True, kw_only=True):
    """Asks for a tag."""

    run_id: str = ""
    run_uuid: str = ""
    key: str = ""
    value: str = ""


class DeleteTag(Request, frozen=True, kw_only=True):
    """Asks for a tag to go."""

    run_id: str = ""
    key: str = ""


class SentDataset(Request, frozen=True, kw_only=True):
    """A dataset as a client describes it."""

    name: str = ""
    digest: str = ""
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""


class SentInput(Request, frozen=True, kw_only=True):
    """A dataset and how it was read."""

    tags: tuple[KeyValue, ...] = ()
    dataset: SentDataset = SentDataset()


class SentModel(Request, frozen=True, kw_only=True):
    """A logged model that a run read or gave."""

    model_id: str = ""
    step: int = 0


class LogInputs(Request, frozen=True, kw_only=True):
    """Says what a run read."""

    run_id: str = ""
    datasets: tuple[SentInput, ...] = ()
    models: tuple[SentModel, ...] = ()


class LogOutputs(Request, frozen=True, kw_only=True):
    """Says which logged models a run gave."""

    run_id: str = ""
    models: tuple[SentModel, ...] = ()


class LogModel(Request, frozen=True, kw_only=True):
    """Says, as clients before version 3 do, that a model is among a run's artifacts."""

    run_id: str = ""
    model_json: str = ""


@endpoint("POST", "runs/log-metric")
def log_metric(visit: Visit, asked: LogMetric) -> Answer:
    """Keep one number."""
    run = active_run(visit, asked.run_id or asked.run_uuid)
    _log(visit, run, metrics=(asked,))
    return EMPTY


@endpoint("POST", "runs/log-parameter")
def log_param(visit: Visit, asked: LogParam) -> Answer:
    """Keep one parameter; it never changes."""
    run = active_run(visit, asked.run_id or asked.run_uuid)
    _log(visit, run, params=checked_params([KeyValue(key=asked.key, value=asked.value)]))
    return EMPTY


@endpoint("POST", "runs/log-batch")
def log_batch(visit: Visit, asked: LogBatch) -> Answer:
    """Keep numbers, parameters and tags: all of them or none."""
    run = active_run(visit, asked.run_id)
    check_batch(len(asked.metrics), len(asked.params), len(asked.tags))
    _log(
        visit,
        run,
        metrics=asked.metrics,
        params=checked_params(asked.params),
        tags=checked_tags(asked.tags),
    )
    return EMPTY


@endpoint("POST", "runs/set-tag")
def set_tag(visit: Visit, asked: SetTag) -> Answer:
    """Set a tag."""
    run = active_run(visit, asked.run_id or asked.run_uuid)
    _log(visit, run, tags=checked_tags([KeyValue(key=asked.key, value=asked.value)]))
    return EMPTY


@endpoint("POST", "runs/delete-tag")
def delete_tag(visit: Visit, asked: DeleteTag) -> Answer:
    """Remove a tag."""
    run = active_run(visit, asked.run_id)
    key = needed(asked.key, "key")
    if all(tag.name != key for tag in visit.store.runs.tags([run.id])[run.id]):
        raise Refusal(
            f"No tag with name: {key[:100]} in run with id {run.id}", "RESOURCE_DOES_NOT_EXIST"
        )
    visit.store.runs.untag(run.id, [key])
    return EMPTY


@endpoint("POST", "runs/log-inputs")
def log_inputs(visit: Visit, asked: LogInputs) -> Answer:
    """Say what a run read."""
    run = active_run(visit, asked.run_id)
    if len(asked.datasets) > _MOST_DATASETS:
        raise Refusal(f"at most {_MOST_DATASETS} datasets can be logged at once")
    inputs = [_input(one, f"datasets[{at}]") for at, one in enumerate(asked.datasets)]
    for model in asked.models:
        found = find_logged(visit, model.model_id)
        inputs.append(RunInput(name=found.id, digest=found.id, kind=LOGGED_MODEL))
    visit.store.runs.log(run.id, inputs=inputs)
    return EMPTY


@endpoint("POST", "runs/outputs")
def log_outputs(visit: Visit, asked: LogOutputs) -> Answer:
    """Say which logged models a run gave."""
    run = active_run(visit, asked.run_id)
    models = [(find_logged(visit, one.model_id).id, one.step) for one in asked.models]
    visit.store.logged.give(run.id, models)
    return EMPTY


@endpoint("POST", "runs/log-model")
def log_model(visit: Visit, asked: LogModel) -> Answer:
    """Note a model among a run's artifacts, in the tag that clients before version 3 read."""
    run = active_run(visit, asked.run_id)
    try:
        model = msgspec.json.decode(needed(asked.model_json, "model_json"), type=dict[str, object])
    except msgspec.DecodeError as error:
        raise Refusal("Malformed model info. model_json is not a JSON object.") from error
    missing = {"artifact_path", "flavors", "utc_time_created", "run_id"} - model.keys()
    if missing:
        raise Refusal(f"Model json is missing mandatory fields: {sorted(missing)}")
    there = {tag.name: tag.value for tag in visit.store.runs.tags([run.id])[run.id]}
    history = msgspec.json.decode(there.get(_HISTORY, "[]"), type=list[dict[str, object]])
    text = msgspec.json.encode([*history, model]).decode()
    check_length(text, _HISTORY, _LONGEST_HISTORY)
    visit.store.runs.log(run.id, tags=[Tag(name=_HISTORY, value=text)])
    return EMPTY


def _log(
    visit: Visit,
    run: Run,
    *,
    metrics: tuple[LogMetric, ...] = (),
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    params, tags = params or {}, tags or {}
    points = [_point(one, f"metrics[{at}]") for at, one in enumerate(metrics)]
    # Before the run's own: whoever is refused here has logged nothing.
    models = _of_models(visit, run, metrics, points)
    batch = None
    if points:
        batch = "mlflow-" + digest_bytes(msgspec.msgpack.encode((points, params, tags)))[:32]
    try:
        visit.store.runs.log(
            run.id,
            metrics=points,
            params=[Param(name=name, value=value) for name, value in params.items()],
            tags=tags_of([KeyValue(key=name, value=value) for name, value in tags.items()]),
            batch=batch,
        )
    except ConflictError as error:
        raise _changed(visit, run, params, error) from error
    for id, numbers in models.items():
        visit.store.logged.log(id, metrics=numbers)
    if NAME in tags and tags[NAME] != run.name:
        visit.store.runs.update(run.id, name=tags[NAME])


def _point(sent: LogMetric, where: str) -> Metric:
    check_name(sent.key, f"{where}.name", "Metric name")
    if sent.value is None:
        raise Refusal(f"Missing value for required parameter '{where}.value'.")
    if sent.timestamp is None:
        raise Refusal(f"Missing value for required parameter '{where}.timestamp'.")
    if not -_STEPS <= sent.step < _STEPS:
        raise Refusal(
            f"Invalid value {sent.step} for parameter '{where}.step' supplied: "
            "Step must be a valid long (64-bit integer)."
        )
    at = from_milliseconds(sent.timestamp, f"{where}.timestamp")
    return Metric(name=sent.key, value=sent.value, step=sent.step, at=at)


def _of_models(
    visit: Visit, run: Run, sent: tuple[LogMetric, ...], points: list[Metric]
) -> dict[str, list[LoggedMetric]]:
    found: dict[str, list[LoggedMetric]] = {}
    for one, point in zip(sent, points, strict=True):
        if not one.model_id:
            continue
        if one.model_id not in found:
            find_logged(visit, one.model_id)
        found.setdefault(one.model_id, []).append(
            LoggedMetric(
                metric=point, run=run.id, dataset=one.dataset_name, digest=one.dataset_digest
            )
        )
    return found


def _changed(
    visit: Visit, run: Run, params: dict[str, str], error: ConflictError
) -> Refusal | ConflictError:
    """Return what MLflow says of parameters that have another value already."""
    kept = {one.name: str(one.value) for one in visit.store.runs.params([run.id])[run.id]}
    for name, value in params.items():
        if kept.get(name, value) != value:
            return Refusal(
                f"Changing param values is not allowed. Param with key='{name}' was already logged "
                f"with value='{kept[name][:200]}' for run ID='{run.id}'. Attempted logging new "
                f"value '{value[:200]}'."
            )
    return error


def _input(sent: SentInput, where: str) -> RunInput:
    for name, value, most in (
        ("name", sent.dataset.name, 500),
        ("digest", sent.dataset.digest, 36),
        ("source_type", sent.dataset.source_type, 36),
    ):
        needed(value, f"{where}.dataset.{name}")
        check_length(value, f"{where}.dataset.{name}", most)
    check_length(sent.dataset.source, f"{where}.dataset.source", 65_535)
    check_length(sent.dataset.schema, f"{where}.dataset.schema", 1_048_575)
    check_length(sent.dataset.profile, f"{where}.dataset.profile", 16_777_215)
    for tag in sent.tags:
        check_length(needed(tag.key, f"{where}.tags.key"), f"{where}.tags.key", 255)
        check_length(tag.value, f"{where}.tags.value", 500)
    return RunInput(
        name=sent.dataset.name,
        digest=sent.dataset.digest,
        kind=sent.dataset.source_type,
        source=sent.dataset.source,
        schema=sent.dataset.schema,
        profile=sent.dataset.profile,
        tags=tags_of(sent.tags),
    )


ENDPOINTS = (
    log_metric,
    log_param,
    log_batch,
    set_tag,
    delete_tag,
    log_inputs,
    log_outputs,
    log_model,
)
