"""Finding what a client names: a run, a logged model, a registered model, a version."""

from __future__ import annotations

from lapwise.core.errors import NotFoundError
from lapwise.core.model import ModelVersion, Run
from lapwise.core.tracked import LoggedModel, RegisteredModel
from lapwise.registry.kept import DELETED
from lapwise.server.mlflow.checking import check_model_name
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.experiment_ids import Ids
from lapwise.server.mlflow.failures import Refusal, sayable
from lapwise.server.mlflow.wire import needed

__all__ = ["active_run", "find_logged", "find_model", "find_run", "find_version"]

_LONGEST = 256


def find_run(visit: Visit, id: str) -> Run:
    """Return a run, a deleted one too; refused if there is none."""
    try:
        return visit.store.runs.get(needed(id, "run_id")[:_LONGEST])
    except NotFoundError:
        raise Refusal(f"Run with id={sayable(id)} not found", "RESOURCE_DOES_NOT_EXIST") from None


def active_run(visit: Visit, id: str) -> Run:
    """Return a run that may be written to; refused if it was deleted."""
    run = find_run(visit, id)
    if run.archived or Ids(visit).is_archived(run.experiment):
        raise Refusal(f"The run {run.id} must be in the 'active' state. Current state is deleted.")
    return run


def find_logged(visit: Visit, id: str) -> LoggedModel:
    """Return a logged model; refused if there is none or it was deleted."""
    missing = Refusal(f"Logged model with ID '{sayable(id)}' not found.", "RESOURCE_DOES_NOT_EXIST")
    try:
        found = visit.store.logged.get(needed(id, "model_id")[:_LONGEST])
    except NotFoundError:
        raise missing from None
    if found.archived:
        raise missing
    return found


def find_model(visit: Visit, name: str) -> RegisteredModel:
    """Return a registered model; refused if there is none, or it was deleted."""
    check_model_name(name)
    try:
        found = visit.store.models.get_name(name)
    except NotFoundError:
        found = None
    if found is None or found.archived:
        raise Refusal(
            f"Registered Model with name={sayable(name)} not found", "RESOURCE_DOES_NOT_EXIST"
        )
    return found


def find_version(visit: Visit, name: str, version: str) -> ModelVersion:
    """Return a version by its number; refused if there is none, or it was deleted."""
    check_model_name(name)
    number = needed(version, "version")
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Refusal("Model version must be an integer")
    try:
        found = visit.store.models.get(f"{name}@v{int(number)}")
    except NotFoundError:
        found = None
    if found is None or found.model != name or DELETED in found.marks:
        raise Refusal(
            f"Model Version (name={sayable(name)}, version={number}) not found",
            "RESOURCE_DOES_NOT_EXIST",
        )
    return found
