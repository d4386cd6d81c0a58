"""Searching and comparing runs in the store of the project around the working directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.loop.project import find_project

if TYPE_CHECKING:
    from lapwise.store.model import Store
    from lapwise.tracking import Comparison, FoundRuns, RunRow

__all__ = ["compare", "search_runs"]


def search_runs(
    where: str = "",
    *,
    experiments: str | Sequence[str] = (),
    order: str | Sequence[str] = (),
    columns: Sequence[str] | None = None,
    archived: bool | None = False,
    limit: int = 1000,
) -> FoundRuns:
    """Return the runs for which ``where`` is true: a sequence, and by ``frame()`` a Polars frame.

    The language has AND, OR, NOT and brackets; ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, LIKE and
    IN; over ``params.NAME``, ``metrics.NAME`` (its last value), ``tags.NAME``, ``dataset.name``,
    ``dataset.digest``, ``code``, and what a run is: ``status``, ``number``, ``started``, … See
    docs/tracking.md.

    Args:
        where: empty for all.
        experiments: one or more names; empty for all.
        order: one or more of such as ``metrics.auc DESC``; last and by default the newest first.
        columns: which of ``params.NAME``, ``metrics.NAME``, ``tags.NAME``, ``params``, ``metrics``,
            ``tags`` come with each run; None for all.
        archived: True for archived runs only, None for both.
        limit: at most so many; ``pages()`` of the answer goes on after them.

    Raises:
        DeclarationError: the filter or the order cannot be read; says at which column.

    Example::

        lw.search_runs("metrics.auc > 0.7 AND NOT tags.owner LIKE 'a%'", order="metrics.auc DESC")
    """
    from lapwise.tracking import find_runs

    return find_runs(
        _opener(),
        where,
        experiments=(experiments,) if isinstance(experiments, str) else experiments,
        order=(order,) if isinstance(order, str) else order,
        columns=columns,
        archived=archived,
        limit=limit,
    )


def compare(
    *runs: str | int | RunRow, metric: str | None = None, system: bool = False
) -> Comparison:
    """Put runs beside each other: what differs first, what is the same only counted.

    Args:
        runs: numbers, ids, or rows of :func:`search_runs`.
        metric: what to rank causes by, from the one that explains most of it; empty for none;
            default: the likeliest of those that most runs have, from six runs on.
        system: whether to list how busy the machine was (``system/…``) too; else it is counted.

    Raises:
        NotFoundError: there is no such run.
        TrackingError: no run was given, or none has the metric.

    Example::

        lw.compare(41, 43)
        lw.compare(*lw.search_runs("metrics.auc > 0.7"), metric="auc")
    """
    from lapwise.tracking import compare as put_beside

    named = [one if isinstance(one, str) else _reference(one) for one in runs]
    with _opener()() as store:
        return put_beside(store, named, metric=metric, system=system)


def _reference(one: int | RunRow) -> str:
    return str(one) if isinstance(one, int) else one.run


def _opener() -> Callable[[], Store]:
    from lapwise.store.open import open_store

    project = find_project(Path.cwd())
    return lambda: open_store(project.store, project.blobs)
