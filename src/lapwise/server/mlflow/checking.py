"""What MLflow lets a name and a value be, in its own words.

Values of parameters and tags beyond its limits are cut, as its own server does: a script that logs
them must not fail here. Everything else that is too long is refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from lapwise.registry.kept import HIDDEN
from lapwise.server.mlflow.failures import Refusal, sayable
from lapwise.server.mlflow.wire import KeyValue

__all__ = [
    "check_batch",
    "check_description",
    "check_experiment_name",
    "check_length",
    "check_model_name",
    "check_name",
    "checked_labels",
    "checked_params",
    "checked_tags",
]

_LONGEST_NAME = 250
_LONGEST_PARAM = 6000
_LONGEST_TAG = 8000
_LONGEST_LABEL = 100_000
_LONGEST_EXPERIMENT = 500
_LONGEST_MODEL = 256
_LONGEST_DESCRIPTION = 5000
_MOST_METRICS = 1000
_MOST_PARAMS = 100
_MOST_TAGS = 100
_MOST = 1000
_NAME = re.compile(r"[/\w.\- :]*")


def check_name(name: str, where: str, kind: str) -> None:
    """Refuse what cannot name a metric, a parameter or a tag.

    Args:
        name: the name.
        where: which field it came in, as ``metrics[3].name``.
        kind: what is named, as ``Metric name``.
    """
    if not name:
        raise Refusal(
            f"Invalid value \"\" for parameter '{where}' supplied: A key name must be provided."
        )
    check_length(name, kind, _LONGEST_NAME)
    shown = f"Invalid value \"{sayable(name)}\" for parameter '{where}' supplied: "
    if not _NAME.fullmatch(name):
        raise Refusal(
            shown + "Names may only contain alphanumerics, underscores (_), dashes (-), "
            "periods (.), spaces ( ), colon(:) and slashes (/)."
        )
    plain = posixpath.normpath(name)
    if plain != name or plain == "." or plain.startswith(("..", "/")):
        raise Refusal(
            shown + "Names may be treated as files in certain cases, and must not resolve to "
            f"other names when treated as such. This name would resolve to {plain!r}"
        )


def check_length(value: str, kind: str, most: int) -> None:
    """Refuse a text longer than ``most`` characters."""
    if len(value) > most:
        raise Refusal(f"'{kind}' exceeds the maximum length of {most} characters")


def check_experiment_name(name: str) -> None:
    """Refuse what cannot name an experiment."""
    if not name.strip() or not name.isprintable():
        raise Refusal(f'Invalid experiment name: "{sayable(name)}"')
    check_length(name, "name", _LONGEST_EXPERIMENT)


def check_model_name(name: str, where: str = "name") -> str:
    """Return a name that a model may have; refused if it is not one.

    As MLflow, without ``/`` and ``:``; and without ``@``, which stands before a version or an alias.
    """
    if not name.strip():
        raise Refusal(f"Missing value for required parameter '{where}'.")
    check_length(name, where, _LONGEST_MODEL)
    if not name.isprintable() or any(sign in name for sign in "/:@") or name == "*":
        raise Refusal(
            f"Invalid model name. Names cannot contain '/', ':', '@' or unprintable characters, "
            f"and must not be '*': '{sayable(name)}'"
        )
    if posixpath.normpath(name) != name or name in {".", ".."}:
        raise Refusal(f"Invalid model name: '{sayable(name)}' may be taken for a path.")
    return name


def check_description(description: str) -> str:
    """Return what is said of a model or a version; refused if it is too long."""
    if len(description) > _LONGEST_DESCRIPTION:
        raise Refusal(f"'description' exceeds {_LONGEST_DESCRIPTION} characters")
    return description


def check_batch(metrics: int, params: int, tags: int) -> None:
    """Refuse a batch of more than MLflow takes at once."""
    for kind, count, most in (
        ("metrics", metrics, _MOST_METRICS),
        ("params", params, _MOST_PARAMS),
        ("tags", tags, _MOST_TAGS),
        ("metrics, params, and tags", metrics + params + tags, _MOST),
    ):
        if count > most:
            raise Refusal(
                f"A batch logging request can contain at most {most} {kind}. Got {count} {kind}. "
                f"Please split up {kind} across multiple requests and try again."
            )


def checked_params(pairs: Sequence[KeyValue], where: str = "params") -> dict[str, str]:
    """Return parameters by name, their values cut at MLflow's limit."""
    found: dict[str, str] = {}
    for at, pair in enumerate(pairs):
        check_name(pair.key, f"{where}[{at}].key", "Param key")
        if pair.key in found:
            raise Refusal(
                f"Duplicate parameter keys have been submitted: {[pair.key]}. Please ensure "
                "the request contains only one param value per param key."
            )
        found[pair.key] = pair.value[:_LONGEST_PARAM]
    return found


def checked_tags(pairs: Sequence[KeyValue], where: str = "tags") -> dict[str, str]:
    """Return tags by name, the last value of each, cut at MLflow's limit."""
    found: dict[str, str] = {}
    for at, pair in enumerate(pairs):
        check_name(pair.key, f"{where}[{at}].key", "key")
        found[pair.key] = pair.value[:_LONGEST_TAG]
    return found


def checked_labels(pairs: tuple[KeyValue, ...], where: str = "tags") -> dict[str, str]:
    """Return tags of a model or a version by name, the last value of each."""
    found: dict[str, str] = {}
    for at, pair in enumerate(pairs):
        place = f"{where}[{at}].key" if where else "key"
        check_name(pair.key, place, "key")
        if pair.key.startswith(HIDDEN):
            raise Refusal(f"Names that begin with '{HIDDEN}' are kept for Lapwise itself.")
        check_length(pair.value, "value", _LONGEST_LABEL)
        found[pair.key] = pair.value
    return found
