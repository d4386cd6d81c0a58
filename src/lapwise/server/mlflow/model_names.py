"""Finding the registered model or the version that a client names, and what may be a name."""

from __future__ import annotations

import posixpath

from lapwise.core.errors import NotFoundError
from lapwise.core.model import ModelVersion
from lapwise.core.tracked import RegisteredModel
from lapwise.registry.kept import DELETED
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.limits import check_length, check_name
from lapwise.server.mlflow.version_shapes import HIDDEN
from lapwise.server.mlflow.wire import KeyValue, needed

__all__ = ["check_model_name", "checked_labels", "find_model", "find_version"]

_LONGEST = 256
_LONGEST_VALUE = 100_000


def check_model_name(name: str, where: str = "name") -> str:
    """Return a name that a model may have; refused if it is not one.

    As MLflow, without ``/`` and ``:``; and without ``@``, which stands before a version or an alias.
    """
    if not name.strip():
        raise Refusal(f"Missing value for required parameter '{where}'.")
    check_length(name, where, _LONGEST)
    if not name.isprintable() or any(sign in name for sign in "/:@") or name == "*":
        raise Refusal(
            f"Invalid model name. Names cannot contain '/', ':', '@' or unprintable characters, "
            f"and must not be '*': '{_shown(name)}'"
        )
    if posixpath.normpath(name) != name or name in {".", ".."}:
        raise Refusal(f"Invalid model name: '{_shown(name)}' may be taken for a path.")
    return name


def find_model(visit: Visit, name: str) -> RegisteredModel:
    """Return a registered model; refused if there is none, or it was deleted."""
    check_model_name(name)
    try:
        found = visit.store.models.get_name(name)
    except NotFoundError:
        found = None
    if found is None or found.archived:
        raise Refusal(
            f"Registered Model with name={_shown(name)} not found", "RESOURCE_DOES_NOT_EXIST"
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
            f"Model Version (name={_shown(name)}, version={number}) not found",
            "RESOURCE_DOES_NOT_EXIST",
        )
    return found


def checked_labels(pairs: tuple[KeyValue, ...], where: str = "tags") -> dict[str, str]:
    """Return tags of a model or a version by name, the last value of each."""
    found: dict[str, str] = {}
    for at, pair in enumerate(pairs):
        place = f"{where}[{at}].key" if where else "key"
        check_name(pair.key, place, "key")
        if pair.key.startswith(HIDDEN):
            raise Refusal(f"Names that begin with '{HIDDEN}' are kept for Lapwise itself.")
        check_length(pair.value, "value", _LONGEST_VALUE)
        found[pair.key] = pair.value
    return found


def _shown(name: str) -> str:
    return name[:100] if name.isprintable() else "(unprintable)"
