"""Rooms by themselves, for notebooks and scripts: a tracked run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.loop.project import find_project

if TYPE_CHECKING:
    from lapwise.tracking.run import ActiveRun

__all__ = ["start_run"]


@contextmanager
def start_run(
    experiment: str,
    *,
    name: str = "",
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> Iterator[ActiveRun]:
    """Track a run in the store of the project around the working directory.

    Args:
        experiment: what the run belongs to.
        name: what people may call it.
        params: inputs, which never change afterwards.
        tags: free labels.
        seed: recorded (not applied); a run without one is flagged.

    Raises:
        TrackingError: something cannot be recorded; no run is made.
        StoreError: the store cannot be written; no run is made.

    Example::

        with lw.start_run("churn", params={"lr": 0.1}, seed=7) as run:
            run.log_metric("loss", 0.3, step=1)
    """
    from lapwise.store.open import open_store
    from lapwise.tracking import start_run as begin

    project = find_project(Path.cwd())
    with (
        open_store(project.store, project.blobs) as store,
        begin(
            experiment,
            store=store,
            root=project.root,
            name=name,
            params=params,
            tags=tags,
            seed=seed,
        ) as run,
    ):
        yield run
