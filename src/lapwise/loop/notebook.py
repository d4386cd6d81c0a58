"""Rooms by themselves, for notebooks and scripts: a tracked run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.core.errors import TrackingError
from lapwise.loop.bootstrap import who
from lapwise.loop.project import find_project

if TYPE_CHECKING:
    from lapwise.core.model import DatasetVersion, KeyPart
    from lapwise.store.model import Store
    from lapwise.tracking.run import ActiveRun

__all__ = ["join_run", "start_run"]

PATIENCE = 1.0
"""Seconds for which one call insists on a server; what is logged is shipped again and again anyway."""


def start_run(
    experiment: str,
    *,
    name: str = "",
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    seed: int | None = None,
    parent: str | int | ActiveRun | None = None,
    resume: str | int | None = None,
    datasets: Sequence[str | DatasetVersion] = (),
    system_metrics: bool = True,
) -> ActiveRun:
    """Track a run in the store of the project around the working directory.

    ``LAPWISE_STORE=https://…`` makes it a server's. When that does not answer, training starts all
    the same: what is logged waits on this disk and is shipped when the server is back.

    Args:
        experiment: what the run belongs to.
        name: what people may call it.
        params: inputs, which never change afterwards.
        tags: free labels.
        seed: recorded (not applied: see ``run.seed_everything()``); a run without one is flagged.
        parent: the run, or its id or number, that this one is a part of; ``run.child("fold 3")`` is
            shorter.
        resume: the number or id of a run to open again.
        datasets: versions of tables that the run reads: ``flights@v7``, or ``flights`` for the
            newest.
        system_metrics: whether to log how busy the machine is, every ten seconds.

    Raises:
        TrackingError: something cannot be recorded; no run is made.
        NotFoundError: there is no such dataset version, or no run to open again, or to be part of.
        StoreError: the store cannot be written; no run is made.

    Example::

        with lw.start_run("churn", params={"lr": 0.1}, seed=7) as run:
            run.log_metric("loss", 0.3, step=1)

    Without ``with``, as in a notebook, it is the run that is open until ``run.end()``.
    """
    from lapwise.tracking import start_run as begin

    return _opened(
        lambda store, root: begin(
            experiment,
            store=store,
            root=root,
            name=name,
            params=params,
            tags=tags,
            seed=seed,
            parent=parent,
            resume=resume,
            datasets=[
                _version(one, store)
                for one in ((datasets,) if isinstance(datasets, str) else datasets)
            ],
            user=who(),
            system_metrics=system_metrics,
        )
    )


def join_run(reference: str | int) -> ActiveRun:
    """Log to a run that another process started and will end: a worker, a rank, an evaluation.

    Args:
        reference: the run's id, which its ``run.id`` says, or its number.

    Raises:
        TrackingError: the run has ended.
        NotFoundError: there is no such run.
        StoreError: the store cannot be written.

    Example::

        with lw.join_run(os.environ["RUN"]) as run:
            run.log_metric(f"loss/rank{rank}", 0.3, step=1)
    """
    from lapwise.tracking import join_run as join

    return _opened(lambda store, root: join(reference, store=store, root=root))


def _opened(begin: Callable[[Store, Path], ActiveRun]) -> ActiveRun:
    """Return a run that is open from now on, and whose end closes the store."""
    from lapwise.store.open import open_store
    from lapwise.tracking import enter_run, leave_run

    project = find_project(Path.cwd())
    store = open_store(project.store, project.blobs, patience=PATIENCE)
    try:
        run = begin(store, project.root)
    except BaseException:
        store.close()
        raise
    run.after_end(store.close)
    run.after_end(partial(leave_run, run))
    enter_run(run)
    return run


def _version(dataset: str | DatasetVersion, store: Store) -> DatasetVersion | KeyPart:
    """Return a dataset version; by name only while the store is away."""
    from lapwise.core.model import DatasetVersion, KeyPart
    from lapwise.store.address import is_remote
    from lapwise.tracking.deliver import is_away

    if isinstance(dataset, DatasetVersion):
        return dataset
    if not isinstance(dataset, str):
        raise TrackingError(
            "not a version of a table", value=dataset, expected="flights, flights@v7 or a version"
        )
    try:
        return store.datasets.get(dataset)
    except Exception as error:
        if not (is_remote(store.url) and is_away(error)):
            raise
        if "@v" not in dataset:
            raise TrackingError(
                f"which version of '{dataset}' is the newest cannot be asked now",
                value=str(error),
                expected="the store, or a version by number, such as flights@v7",
            ) from error
        return KeyPart(name=dataset, digest="")
