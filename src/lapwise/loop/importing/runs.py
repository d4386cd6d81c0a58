"""Bring one run: what was logged to it, every point, every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError
from lapwise.core.model import Metric, Run
from lapwise.loop.importing.files import bring_files
from lapwise.loop.importing.model import ForeignRun, Source
from lapwise.loop.importing.tally import Tally

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["bring_run"]

_PARENT = "mlflow.parentRunId"
_AT_ONCE = 10_000
_COUNTED = 50_000  # where all points have one step, each page of the store reads all of them


def bring_run(
    store: Store, source: Source, run: ForeignRun, *, experiment: str, tally: Tally
) -> None:
    """Bring a run into an experiment that is open, and count what of it is here after.

    Raises:
        ConflictError: a run of this id is here, with other parameters.
    """
    known = _kept(store, run, experiment)
    have = _points(store, run.id) if known else Counter()
    store.runs.log(run.id, params=run.params, tags=run.tags, inputs=run.inputs)
    there: Counter[str] = Counter()
    for number, some in enumerate(_portions(source, run, there, have)):
        # Named by where it begins: sent twice, it is taken once.
        first = some[0]
        begins = f"{number}:{first.name}:{have[first.name]}"
        store.runs.log(run.id, metrics=some, batch=f"import:{begins}"[:300])
        have.update(one.name for one in some)
    _count(store, run, there, tally)
    bring_files(
        source,
        run,
        tally,
        store.blobs,
        here=lambda: store.runs.artifacts(run.id),
        add=lambda some: store.runs.log(run.id, artifacts=some),
    )


def _kept(store: Store, run: ForeignRun, experiment: str) -> bool:
    """Make the run if it is not here; say whether it was."""
    try:
        found = store.runs.get(run.id)
    except NotFoundError:
        parents = [tag.value for tag in run.tags if tag.name == _PARENT]
        store.runs.create(
            Run(
                id=run.id,
                number=0,
                experiment=experiment,
                status=run.status,
                started=run.started,
                ended=run.ended,
                name=run.name,
                parent=parents[0] if parents else None,
                user=run.user,
                archived=run.archived,
            )
        )
        return False
    if found.status == "running" and run.status != "running":
        store.runs.update(run.id, status=run.status, ended=run.ended)
    return True


def _portions(
    source: Source, run: ForeignRun, there: Counter[str], have: Counter[str]
) -> Iterator[list[Metric]]:
    """Yield the points that are not here, so many at a time; ``there`` counts all of them."""
    before = Counter(have)
    some: list[Metric] = []
    for point in source.points(run):
        there[point.name] += 1
        if there[point.name] > before[point.name]:
            some.append(point)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _points(store: Store, run: str) -> Counter[str]:
    """Count the points of a run that are here, by metric."""
    found: Counter[str] = Counter()
    for metric in store.runs.metrics([run]).get(run, ()):
        after = ""
        while True:
            page = store.runs.points(run, metric.name, limit=_COUNTED, after=after)
            found[metric.name] += len(page.items)
            after = page.next
            if not after:
                break
    return found


def _count(store: Store, run: ForeignRun, there: Counter[str], tally: Tally) -> None:
    params = {one.name: one.value for one in store.runs.params([run.id]).get(run.id, ())}
    tags = {one.name for one in store.runs.tags([run.id]).get(run.id, ())}
    inputs = {(one.name, one.digest) for one in store.runs.inputs([run.id]).get(run.id, ())}
    here = _points(store, run.id)
    tally.add("params", len(run.params), sum(params.get(p.name) == p.value for p in run.params))
    tally.add("tags", len(run.tags), sum(tag.name in tags for tag in run.tags))
    wanted = {(one.name, one.digest) for one in run.inputs}
    tally.add("inputs", len(wanted), len(wanted & inputs))
    for name, count in there.items():
        tally.add("metric points", count, here[name])
