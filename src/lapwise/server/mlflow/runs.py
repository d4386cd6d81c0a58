"""MLflow's calls about runs themselves; what is logged to them is in ``log.py``."""

from __future__ import annotations

import uuid

from lapwise.core.errors import ConflictError
from lapwise.core.model import Run
from lapwise.server.mlflow.checking import check_length, checked_tags
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.experiment_ids import Ids, by_id, id_of, need_active
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import active_run, find_run
from lapwise.server.mlflow.run_names import new_run_name
from lapwise.server.mlflow.run_shapes import Info, RunShape, run_info, run_shape
from lapwise.server.mlflow.run_tags import NAME, PARENT, USER
from lapwise.server.mlflow.wire import (
    EMPTY,
    Answer,
    KeyValue,
    Request,
    from_milliseconds,
    from_status,
    tags_of,
)

__all__ = ["ENDPOINTS"]


class CreateRun(Request, frozen=True, kw_only=True):
    """Asks for a new run."""

    experiment_id: str = "0"
    user_id: str = ""
    run_name: str = ""
    start_time: int = 0
    tags: tuple[KeyValue, ...] = ()


class OneRun(Request, frozen=True, kw_only=True):
    """Names a run; older clients say ``run_uuid``."""

    run_id: str = ""
    run_uuid: str = ""


class Found(Answer, frozen=True, kw_only=True):
    """A run that was made or asked for."""

    run: RunShape


class UpdateRun(Request, frozen=True, kw_only=True):
    """Asks for another status, end or name."""

    run_id: str = ""
    run_uuid: str = ""
    status: str | int = ""
    end_time: int | None = None
    run_name: str = ""


class Updated(Answer, frozen=True, kw_only=True):
    """What is said of a run now."""

    run_info: Info


@endpoint("POST", "runs/create")
def create_run(visit: Visit, asked: CreateRun) -> Found:
    """Start a run."""
    experiment = by_id(visit, asked.experiment_id or "0")
    need_active(experiment)
    tags = checked_tags(asked.tags)
    check_length(asked.run_name, "run_name", 250)
    named = tags.get(NAME, "")
    if asked.run_name and named and asked.run_name != named:
        raise Refusal(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{asked.run_name[:100]}', mlflow.runName='{named[:100]}')."
        )
    name = asked.run_name or named or new_run_name()
    tags[NAME] = name
    begun = from_milliseconds(asked.start_time, "start_time") or visit.now()
    try:
        run = visit.store.runs.create(
            Run(
                id=uuid.uuid4().hex,
                number=0,
                experiment=experiment.name,
                status="running",
                started=begun,
                name=name,
                user=asked.user_id or tags.get(USER, ""),
                parent=tags.get(PARENT),
            )
        )
    except ConflictError as error:
        raise Refusal(
            f"The experiment {id_of(experiment)} must be in the 'active' state."
        ) from error
    kept = tags_of([KeyValue(key=key, value=value) for key, value in tags.items()])
    visit.store.runs.log(run.id, tags=kept)
    shape = run_shape(run, Ids(visit), params=(), metrics=(), tags=kept, inputs=())
    return Found(run=shape)


@endpoint("GET", "runs/get")
def get_run(visit: Visit, asked: OneRun) -> Found:
    """Return a run with the last value of each metric, a deleted one too."""
    run, runs = find_run(visit, asked.run_id or asked.run_uuid), visit.store.runs
    one = [run.id]
    shape = run_shape(
        run,
        Ids(visit),
        params=runs.params(one)[run.id],
        metrics=runs.metrics(one)[run.id],
        tags=runs.tags(one)[run.id],
        inputs=runs.inputs(one)[run.id],
        outputs=visit.store.logged.of_run(run.id),
    )
    return Found(run=shape)


@endpoint("POST", "runs/update")
def update_run(visit: Visit, asked: UpdateRun) -> Updated:
    """End a run, open it again, or give it another name."""
    run = active_run(visit, asked.run_id or asked.run_uuid)
    check_length(asked.run_name, "run_name", 250)
    status = from_status(asked.status) if asked.status else None
    ended = None
    if asked.end_time is not None:
        ended = from_milliseconds(asked.end_time, "end_time")
    elif status not in {None, "running"}:
        ended = visit.now()
    run = visit.store.runs.update(run.id, name=asked.run_name or None, status=status, ended=ended)
    if asked.run_name:
        visit.store.runs.log(run.id, tags=tags_of([KeyValue(key=NAME, value=asked.run_name)]))
    return Updated(run_info=run_info(run, Ids(visit)))


@endpoint("POST", "runs/delete")
def delete_run(visit: Visit, asked: OneRun) -> Answer:
    """Archive a run; nothing of it is lost."""
    run = find_run(visit, asked.run_id or asked.run_uuid)
    visit.store.runs.update(run.id, archived=True)
    return EMPTY


@endpoint("POST", "runs/restore")
def restore_run(visit: Visit, asked: OneRun) -> Answer:
    """Bring an archived run back."""
    run = find_run(visit, asked.run_id or asked.run_uuid)
    visit.store.runs.update(run.id, archived=False)
    return EMPTY


ENDPOINTS = (create_run, get_run, update_run, delete_run, restore_run)
