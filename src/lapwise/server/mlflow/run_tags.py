"""The tags in which MLflow's clients keep what Lapwise keeps otherwise.

A run that Lapwise made shows what was captured of it as such tags, unless it has them itself. They are
not stored. Filters find name, user, parent, commit and lap by them (``store/search/runs.py``).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from lapwise.core.model import Run, Tag
from lapwise.server.mlflow.wire import KeyValue

__all__ = ["NAME", "PARENT", "USER", "shown_tags"]

NAME = "mlflow.runName"
"""A run's name."""

PARENT = "mlflow.parentRunId"
"""The run that a run is a part of."""

USER = "mlflow.user"
"""Who started a run."""


def shown_tags(run: Run, tags: Sequence[Tag]) -> tuple[KeyValue, ...]:
    """Return a run's tags, and those that say in MLflow's words what Lapwise keeps otherwise."""
    found = dict(_captured(run))
    found |= {tag.name: tag.value for tag in tags}
    return tuple(KeyValue(key=name, value=found[name]) for name in sorted(found))


def _captured(run: Run) -> Iterable[tuple[str, str]]:
    if run.name:
        yield NAME, run.name
    if run.user:
        yield USER, run.user
    if run.parent:
        yield PARENT, run.parent
    if run.lap:
        yield "lapwise.lap", run.lap
    if run.capture is None:
        return
    kept = run.capture
    yield "mlflow.source.type", "LOCAL"
    if kept.command:
        yield "mlflow.source.name", shlex.join(kept.command)
    if kept.commit:
        yield "mlflow.source.git.commit", kept.commit
        yield "mlflow.source.git.dirty", str(kept.dirty).lower()
    if kept.seed is not None:
        yield "lapwise.seed", str(kept.seed)
    if kept.flags:
        yield "lapwise.flags", ",".join(kept.flags)
    yield "lapwise.environment", kept.environment
