"""A run as MLflow shows it, whoever made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from lapwise.core.model import Metric, Param, Run, Tag
from lapwise.core.tracked import LOGGED_MODEL, RunInput
from lapwise.server.mlflow.experiment_ids import Ids
from lapwise.server.mlflow.run_tags import shown_tags
from lapwise.server.mlflow.wire import (
    Answer,
    KeyValue,
    Number,
    number,
    text_of,
    to_milliseconds,
    to_status,
    wired,
)

__all__ = [
    "DatasetInputShape",
    "DatasetShape",
    "Info",
    "InputsShape",
    "MetricShape",
    "ModelInput",
    "ModelOutput",
    "OutputsShape",
    "RunData",
    "RunShape",
    "metric_shape",
    "run_info",
    "run_shape",
]


class Info(Answer, frozen=True, kw_only=True):
    """What is said of a run itself."""

    run_id: str
    run_uuid: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None = None
    artifact_uri: str
    lifecycle_stage: Literal["active", "deleted"]


class MetricShape(Answer, frozen=True, kw_only=True):
    """A number at a step; the rest says of which logged model, on which dataset, in which run."""

    key: str
    value: Number
    timestamp: int
    step: int
    dataset_name: str = ""
    dataset_digest: str = ""
    model_id: str = ""
    run_id: str = ""


class RunData(Answer, frozen=True, kw_only=True):
    """What was logged to a run."""

    metrics: tuple[MetricShape, ...] = ()
    params: tuple[KeyValue, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class DatasetShape(Answer, frozen=True, kw_only=True):
    """A dataset, as whoever logged it describes it."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str = ""
    profile: str = ""


class DatasetInputShape(Answer, frozen=True, kw_only=True):
    """A dataset that a run read, and how."""

    tags: tuple[KeyValue, ...] = ()
    dataset: DatasetShape


class ModelInput(Answer, frozen=True, kw_only=True):
    """A logged model that a run read."""

    model_id: str


class ModelOutput(Answer, frozen=True, kw_only=True):
    """A logged model that a run gave."""

    model_id: str
    step: int


class InputsShape(Answer, frozen=True, kw_only=True):
    """What a run read."""

    dataset_inputs: tuple[DatasetInputShape, ...] = ()
    model_inputs: tuple[ModelInput, ...] = ()


class OutputsShape(Answer, frozen=True, kw_only=True):
    """What a run gave."""

    model_outputs: tuple[ModelOutput, ...] = ()


class RunShape(Answer, frozen=True, kw_only=True):
    """A run with all that is known of it."""

    info: Info
    data: RunData
    inputs: InputsShape
    outputs: OutputsShape | None = None


def run_info(run: Run, ids: Ids) -> Info:
    """Return what is said of a run itself."""
    experiment = ids.of(run.experiment)
    return Info(
        run_id=run.id,
        run_uuid=run.id,
        run_name=run.name or f"run {run.number:03d}",
        experiment_id=experiment,
        user_id=run.user,
        status=to_status(run.status),
        start_time=to_milliseconds(run.started),
        end_time=None if run.ended is None else to_milliseconds(run.ended),
        artifact_uri=f"mlflow-artifacts:/{experiment}/{run.id}/artifacts",
        lifecycle_stage=(
            "deleted" if run.archived or ids.is_archived(run.experiment) else "active"
        ),
    )


def run_shape(
    run: Run,
    ids: Ids,
    *,
    params: Iterable[Param],
    metrics: Iterable[Metric],
    tags: Sequence[Tag],
    inputs: Iterable[RunInput],
    outputs: Iterable[tuple[str, int]] | None = None,
) -> RunShape:
    """Return a run with what was logged to it; without ``outputs`` nothing is said of them."""
    info = run_info(run, ids)
    gave = tuple(ModelOutput(model_id=id, step=step) for id, step in outputs or ())
    return RunShape(
        info=info,
        data=RunData(
            metrics=tuple(metric_shape(one) for one in metrics),
            params=tuple(KeyValue(key=one.name, value=text_of(one.value)) for one in params),
            tags=shown_tags(run, tags),
        ),
        inputs=_inputs(inputs),
        outputs=None if outputs is None else OutputsShape(model_outputs=gave),
    )


def metric_shape(metric: Metric) -> MetricShape:
    """Return a number as MLflow shows it."""
    return MetricShape(
        key=metric.name,
        value=number(metric.value),
        timestamp=to_milliseconds(metric.at),
        step=metric.step,
    )


def _inputs(inputs: Iterable[RunInput]) -> InputsShape:
    datasets, models = [], []
    for one in inputs:
        if one.kind == LOGGED_MODEL:
            models.append(ModelInput(model_id=one.name))
            continue
        datasets.append(
            DatasetInputShape(
                tags=wired(one.tags),
                dataset=DatasetShape(
                    name=one.name,
                    digest=one.digest,
                    source_type=one.kind,
                    source=one.source,
                    schema=one.schema,
                    profile=one.profile,
                ),
            )
        )
    return InputsShape(dataset_inputs=tuple(datasets), model_inputs=tuple(models))
