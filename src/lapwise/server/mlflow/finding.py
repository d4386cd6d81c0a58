"""Finding the run or the logged model that a client names by its id."""

from __future__ import annotations

from lapwise.core.errors import NotFoundError
from lapwise.core.model import Run
from lapwise.core.tracked import LoggedModel
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.experiment_ids import Ids
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.wire import needed

__all__ = ["NAME", "active_run", "find_logged", "find_run"]

NAME = "mlflow.runName"
"""The tag that MLflow's clients keep a run's name in."""

_LONGEST = 256


def find_run(visit: Visit, id: str) -> Run:
    """Return a run, a deleted one too; refused if there is none."""
    try:
        return visit.store.runs.get(needed(id, "run_id")[:_LONGEST])
    except NotFoundError:
        raise Refusal(f"Run with id={_shown(id)} not found", "RESOURCE_DOES_NOT_EXIST") from None


def active_run(visit: Visit, id: str) -> Run:
    """Return a run that may be written to; refused if it was deleted."""
    run = find_run(visit, id)
    if run.archived or Ids(visit).is_archived(run.experiment):
        raise Refusal(f"The run {run.id} must be in the 'active' state. Current state is deleted.")
    return run


def find_logged(visit: Visit, id: str) -> LoggedModel:
    """Return a logged model; refused if there is none or it was deleted."""
    missing = Refusal(f"Logged model with ID '{_shown(id)}' not found.", "RESOURCE_DOES_NOT_EXIST")
    try:
        found = visit.store.logged.get(needed(id, "model_id")[:_LONGEST])
    except NotFoundError:
        raise missing from None
    if found.archived:
        raise missing
    return found


def _shown(id: str) -> str:
    return id[:64] if id.isprintable() else "(unprintable)"
