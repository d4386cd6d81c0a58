"""MLflow's call that moves a version to another stage.

A model that no loop governs moves as in MLflow's own registry, and the log tells of it. In a governed
model only gates and approval lead to production, so asking for Production opens a request that a
person decides about, and the answer says so.
"""

from __future__ import annotations

from lapwise.core.errors import StageError
from lapwise.core.model import ModelVersion, Stage
from lapwise.registry.registration import named
from lapwise.registry.ungoverned import is_governed, request_approval, restage
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.failures import Refusal, sayable
from lapwise.server.mlflow.finding import find_version
from lapwise.server.mlflow.version_shapes import FoundVersion, stage_of, version_shapes
from lapwise.server.mlflow.wire import Request, needed

__all__ = ["ENDPOINTS", "check_stage"]

_STAGES: dict[str, Stage] = {
    "None": "none",
    "Staging": "staging",
    "Production": "production",
    "Archived": "archived",
}
_BY_LOWER = {word.lower(): word for word in _STAGES}
_ACTIVE = ("Staging", "Production")
_ALL = 1_000_000


class Transition(Request, frozen=True, kw_only=True):
    """Asks for another stage."""

    name: str = ""
    version: str = ""
    stage: str = ""
    archive_existing_versions: bool = False


def check_stage(word: str) -> str:
    """Return MLflow's word for a stage, however it was capitalised; refused if it is none."""
    found = _BY_LOWER.get(word.lower())
    if found is None:
        raise Refusal(
            f"Invalid Model Version stage: {sayable(word)}. "
            f"Value must be one of {', '.join(_STAGES)}."
        )
    return found


@endpoint("POST", "model-versions/transition-stage")
def transition_stage(visit: Visit, asked: Transition) -> FoundVersion:
    """Move a version, or open a request for approval where a loop governs the model."""
    word = check_stage(needed(asked.stage, "stage"))
    if asked.archive_existing_versions and word not in _ACTIVE:
        raise Refusal(
            "Model version transition cannot archive existing model versions because "
            f"'{word}' is not an Active stage. Valid stages are {list(_ACTIVE)}"
        )
    version = find_version(visit, asked.name, asked.version)
    try:
        if is_governed(visit.store, version):
            moved = _of_governed(visit, version, word)
        else:
            others = _others(visit, version, word) if asked.archive_existing_versions else []
            target = _STAGES[word]
            moved = restage(
                visit.store, version, target, by=visit.actor, at=visit.now(), others=others
            )
    except StageError as error:
        said = [error.thing, *([f"to mend: {error.fix}"] if error.fix else [])]
        raise Refusal("; ".join(said), "PERMISSION_DENIED") from None
    return FoundVersion(model_version=version_shapes(visit, [moved])[0])


def _of_governed(visit: Visit, version: ModelVersion, word: str) -> ModelVersion:
    if stage_of(version.stage) == word:
        return version
    if word != "Production":
        return restage(visit.store, version, _STAGES[word], by=visit.actor, at=visit.now())
    request_approval(visit.store, version, by=visit.actor, at=visit.now())
    raise Refusal(
        f"Model '{version.model}' is governed by a loop: version {version.number} goes to Production "
        f"by approval only. Your request is written down; whoever decides says: "
        f"lapwise approve {named(version)}",
        "PERMISSION_DENIED",
    )


def _others(visit: Visit, version: ModelVersion, word: str) -> list[ModelVersion]:
    there = visit.store.models.list(version.model, limit=_ALL)
    return [one for one in there if one.id != version.id and stage_of(one.stage) == word]


ENDPOINTS = (transition_stage,)
