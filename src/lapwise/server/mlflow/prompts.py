"""Prompts in the registry: registered models whose tag says that they are none.

MLflow's clients keep prompts as registered models with the tag ``mlflow.prompt.is_prompt``. A search
finds models unless it asks for prompts, and most models lack the tag; so what a filter says of it
becomes what Lapwise's language calls NOT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lapwise.server.mlflow.wire import KeyValue

__all__ = ["IS_PROMPT", "is_prompt", "told_apart"]

IS_PROMPT = "mlflow.prompt.is_prompt"
"""The tag that tells a prompt from a model."""

_PROMPTS = f"tags.`{IS_PROMPT}` = 'true'"
_MODELS = f"NOT {_PROMPTS}"
_PARTS = re.compile(
    r"""tags?\.([`"]?)mlflow\.prompt\.is_prompt\1\s*(=|!=)\s*(['"])(true|false)\3"""
    r"""|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`""",
    re.IGNORECASE | re.DOTALL,
)
_OR = re.compile(r"\bOR\b", re.IGNORECASE)


def is_prompt(tags: Iterable[KeyValue]) -> bool:
    """Say whether tags are those of a prompt."""
    return any(tag.key == IS_PROMPT and tag.value.lower() == "true" for tag in tags)


def told_apart(where: str) -> str:
    """Return a filter that finds models only, or prompts only, as MLflow would.

    >>> told_apart("tag.`mlflow.prompt.is_prompt` != 'true'")
    "NOT tags.`mlflow.prompt.is_prompt` = 'true'"
    >>> told_apart("name = 'tags.a' AND tags.mlflow.prompt.is_prompt = 'true'")
    "name = 'tags.a' AND tags.`mlflow.prompt.is_prompt` = 'true'"
    >>> told_apart("name LIKE 'a%'")
    "name LIKE 'a%' AND NOT tags.`mlflow.prompt.is_prompt` = 'true'"
    """
    asked = False

    def replaced(part: re.Match[str]) -> str:
        nonlocal asked
        if part[2] is None:
            return part[0]
        asked = True
        return _PROMPTS if (part[2] == "=") == (part[4].lower() == "true") else _MODELS

    found = _PARTS.sub(replaced, where)
    if asked:
        return found
    if not where.strip():
        return _MODELS
    return f"({where}) AND {_MODELS}" if _OR.search(where) else f"{where} AND {_MODELS}"
