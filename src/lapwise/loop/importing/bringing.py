"""Bring everything over from one place into a store, and count it.

Ids stay what they are, so it may be stopped at any point and started again: what is here is not
brought twice. Of a run that is here in part, the points go on after those that are here. What was
deleted there comes archived. Nothing is changed that a person did here meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.model import Tag
from lapwise.core.protocols import Progress, SilentProgress
from lapwise.loop.importing.files import bring_files
from lapwise.loop.importing.model import ForeignExperiment, ForeignLogged, Imported, Source
from lapwise.loop.importing.registered import bring_models
from lapwise.loop.importing.runs import bring_run
from lapwise.loop.importing.tally import Tally
from lapwise.store.experiment_names import experiment_named

if TYPE_CHECKING:
    from lapwise.core.tracked import Experiment
    from lapwise.store.model import Store

__all__ = ["bring"]


def bring(
    store: Store,
    source: Source,
    *,
    actor: str,
    experiments: Sequence[str] = (),
    progress: Progress | None = None,
) -> Imported:
    """Bring experiments, runs, artifacts, logged models and the registry from ``source``.

    Args:
        store: where to.
        source: where from; stays its owner's to close.
        actor: who stands in the audit log.
        experiments: only these, by name or id there, and the versions that their runs made; default:
            everything.
        progress: shows one line for the experiments and one for each of them.

    Raises:
        DeclarationError: there is no such experiment.
        StoreError: one of the two does not answer; what was brought stays.
    """
    shown = progress or SilentProgress()
    tally = Tally()
    chosen = _chosen(source.experiments(), experiments)
    line = shown.task("experiments", total=len(chosen) + 1)
    brought: set[str] = set()
    for one in chosen:
        with tally.kept_apart(f"experiment '{one.name}'"):
            _bring_experiment(store, source, one, tally, shown, brought)
        line.advance()
    bring_models(store, source, tally, actor=actor, runs=brought if experiments else None)
    line.advance()
    line.done()
    return tally.result()


def _chosen(
    found: Sequence[ForeignExperiment], wanted: Sequence[str]
) -> Sequence[ForeignExperiment]:
    unknown = [one for one in wanted if all(one not in {e.name, e.key} for e in found)]
    if unknown:
        raise DeclarationError(
            "there is no such experiment",
            value=unknown[0],
            expected=", ".join(sorted(e.name for e in found)[:20]),
        )
    return [one for one in found if not wanted or one.name in wanted or one.key in wanted]


def _bring_experiment(
    store: Store,
    source: Source,
    one: ForeignExperiment,
    tally: Tally,
    progress: Progress,
    brought: set[str],
) -> None:
    tally.add("experiments", 1, 0)
    home = _opened(store, one)
    tally.add("experiments", 0, 1)
    line = progress.task(f"runs of {one.name}")
    given: list[tuple[str, tuple[tuple[str, int], ...]]] = []
    for run in source.runs(one):
        tally.add("runs", 1, 0)
        with tally.kept_apart(f"run {run.id}"):
            bring_run(store, source, run, experiment=home.name, tally=tally)
            brought.add(run.id)
            if run.outputs:
                given.append((run.id, run.outputs))
            tally.add("runs", 0, 1)
        line.advance()
    for model in source.logged(one):
        tally.add("logged models", 1, 0)
        with tally.kept_apart(f"logged model {model.id}"):
            _bring_logged(store, source, model, home.name, tally)
            tally.add("logged models", 0, 1)
        line.advance()
    for run_id, outputs in given:
        with tally.kept_apart(f"outputs of run {run_id}"):
            present = [(id, step) for id, step in outputs if _is_here(store, id)]
            store.logged.give(run_id, present)
    if one.archived:
        store.experiments.update(home.number, at=one.updated, archived=True)
    line.done()


def _opened(store: Store, one: ForeignExperiment) -> Experiment:
    """Return the experiment of that name here, made or taken out of the archive to be added to."""
    found = experiment_named(store, one.name)
    if found is None:
        return store.experiments.create(one.name, at=one.created, labels=one.tags)
    if found.archived and one.archived:
        found = store.experiments.update(found.number, at=one.updated, archived=False)
    store.labels.set("experiment", str(found.number), _absent(store, found, one.tags))
    return found


def _absent(store: Store, found: Experiment, tags: Sequence[Tag]) -> list[Tag]:
    subject = str(found.number)
    here = {tag.name for tag in store.labels.of("experiment", [subject]).get(subject, ())}
    return [tag for tag in tags if tag.name not in here]


def _is_here(store: Store, id: str) -> bool:
    try:
        store.logged.get(id)
    except NotFoundError:
        return False
    return True


def _bring_logged(
    store: Store, source: Source, model: ForeignLogged, experiment: str, tally: Tally
) -> None:
    from lapwise.core.tracked import LoggedModel

    store.logged.create(
        LoggedModel(
            id=model.id,
            experiment=experiment,
            name=model.name,
            run=model.run,
            status=model.status,
            created=model.created,
            updated=model.updated,
            kind=model.kind,
            message=model.message,
            params=model.params,
            archived=model.archived,
        ),
        model.tags,
    )
    store.logged.log(model.id, metrics=model.metrics, params=model.params)
    bring_files(
        source,
        model,
        tally,
        store.blobs,
        here=lambda: store.logged.artifacts(model.id),
        add=lambda some: store.logged.log(model.id, artifacts=some),
    )
