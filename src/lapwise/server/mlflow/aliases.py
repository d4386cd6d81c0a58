"""MLflow's calls about aliases: names for versions, which deploy nothing."""

from __future__ import annotations

import re

from lapwise.core.model import ModelVersion, Param, Tag
from lapwise.server.mlflow.checking import check_length
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import find_model, find_version
from lapwise.server.mlflow.version_shapes import FoundVersion, latest_versions, version_shapes
from lapwise.server.mlflow.wire import EMPTY, Answer, Request, needed
from lapwise.store.model import AuditDraft

__all__ = ["ENDPOINTS", "aliased"]

_LONGEST = 255
_ALIAS = re.compile(r"[\w\-]+")
_VERSION = re.compile(r"[vV]\d+")
_LATEST = "latest"


class OneAlias(Request, frozen=True, kw_only=True):
    """Names an alias of a model."""

    name: str = ""
    alias: str = ""


class SetAlias(Request, frozen=True, kw_only=True):
    """Asks for an alias."""

    name: str = ""
    alias: str = ""
    version: str = ""


@endpoint("POST", "registered-models/alias")
def set_alias(visit: Visit, asked: SetAlias) -> Answer:
    """Let an alias name a version; the log tells of it."""
    alias = _checked(asked.alias)
    if alias.lower() == _LATEST:
        raise Refusal("'latest' alias name (case insensitive) is reserved.")
    if _VERSION.fullmatch(alias):
        raise Refusal(f"Version alias name '{alias}' is reserved.")
    version = find_version(visit, asked.name, asked.version)
    visit.store.labels.set("alias", version.model, [Tag(name=alias, value=str(version.number))])
    _tell(visit, version.model, "set-alias", alias, version.number)
    return EMPTY


@endpoint("GET", "registered-models/alias")
def get_by_alias(visit: Visit, asked: OneAlias) -> FoundVersion:
    """Return the version that an alias names."""
    version = aliased(visit, asked.name, asked.alias)
    return FoundVersion(model_version=version_shapes(visit, [version])[0])


@endpoint("DELETE", "registered-models/alias")
def delete_alias(visit: Visit, asked: OneAlias) -> Answer:
    """Remove an alias; one that is not there is left at that."""
    alias = _checked(asked.alias)
    model = find_model(visit, asked.name)
    if alias in _of(visit, model.name):
        visit.store.labels.remove("alias", model.name, [alias])
        _tell(visit, model.name, "delete-alias", alias, None)
    return EMPTY


def aliased(visit: Visit, name: str, alias: str) -> ModelVersion:
    """Return the version that an alias names; ``latest`` is the newest. Refused if there is none."""
    alias = _checked(alias)
    model = find_model(visit, name)
    if alias.lower() == _LATEST:
        found = latest_versions(visit, model.name)
        if not found:
            raise Refusal(
                f"Latest version not found for model {model.name}.", "RESOURCE_DOES_NOT_EXIST"
            )
        return found[-1]
    number = _of(visit, model.name).get(alias)
    if number is None:
        raise Refusal(f"Registered model alias {alias} not found.")
    return find_version(visit, model.name, number)


def _of(visit: Visit, model: str) -> dict[str, str]:
    return {one.name: one.value for one in visit.store.labels.of("alias", [model]).get(model, ())}


def _checked(alias: str) -> str:
    needed(alias, "alias")
    check_length(alias, "Registered model alias name", _LONGEST)
    if not _ALIAS.fullmatch(alias):
        raise Refusal(
            "Invalid alias name. Names may only contain alphanumerics, underscores (_) and dashes (-)."
        )
    return alias


def _tell(visit: Visit, model: str, action: str, alias: str, number: int | None) -> None:
    # A move of nothing: one transaction that only writes to the log.
    details = (Param(name="alias", value=alias), Param(name="number", value=number))
    visit.store.models.move(
        (),
        AuditDraft(
            at=visit.now(), actor=visit.actor, action=action, subject=model, details=details
        ),
    )


ENDPOINTS = (set_alias, get_by_alias, delete_alias)
