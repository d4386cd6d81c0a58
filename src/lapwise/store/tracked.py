"""What the store offers of tracking: experiments, runs, logged models, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lapwise.core.digest import Digest
from lapwise.core.model import Artifact, Capture, Metric, Param, Run, RunStatus, Tag
from lapwise.core.tracked import (
    Experiment,
    LoggedMetric,
    LoggedModel,
    LoggedStatus,
    Page,
    RunInput,
    RunSummary,
)

__all__ = ["Experiments", "Labels", "LoggedModels", "Runs"]


class Experiments(Protocol):
    """What runs belong to."""

    def create(self, name: str, *, at: int, labels: Sequence[Tag] = ()) -> Experiment:
        """Keep a new experiment with its labels; the same name of the same ``at`` is the one there.

        Raises:
            ConflictError: the name is taken.
            DeclarationError: no experiment can be called that.
        """
        ...

    def get(self, reference: str) -> Experiment:
        """Return an experiment by name, or by number as text; raises NotFoundError."""
        ...

    def update(
        self, number: int, *, at: int, name: str | None = None, archived: bool | None = None
    ) -> Experiment:
        """Change what is given; a new name is that of its runs too.

        Raises:
            NotFoundError: there is no such experiment.
            ConflictError: the name is taken, or a loop has it.
        """
        ...

    def search(
        self,
        where: str = "",
        *,
        order: Sequence[str] = (),
        archived: bool | None = False,
        limit: int = 100,
        after: str = "",
    ) -> Page[Experiment]:
        """Return experiments for which ``where`` is true, the newest first.

        As :meth:`Runs.search` reads it: ``name``, ``tags.NAME``, ``creation_time``,
        ``last_update_time``.
        """
        ...


class Runs(Protocol):
    """Runs and what was logged to them."""

    def create(self, run: Run) -> Run:
        """Keep a new run and give it its ``number`` (counted over the whole store).

        Its experiment is made if there is none.

        Raises:
            ConflictError: its experiment is archived.
        """
        ...

    def get(self, reference: str) -> Run:
        """Return a run by id, number (``43``, ``043``, ``run 043``); raises NotFoundError."""
        ...

    def list(
        self, experiment: str | None = None, *, lap: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        """Return runs, newest first."""
        ...

    def search(
        self,
        where: str = "",
        *,
        experiments: Sequence[str] = (),
        order: Sequence[str] = (),
        columns: Sequence[str] | None = None,
        archived: bool | None = False,
        limit: int = 100,
        after: str = "",
    ) -> Page[RunSummary]:
        """Return the runs for which ``where`` is true, a page at a time.

        The language is that of ``store/search/``: ``metrics.auc > 0.7 AND (params.lr = 0.1 OR NOT
        tags.owner LIKE 'a%')``, ``dataset.name``, ``dataset.digest``, ``code``, attributes such as
        ``status``, ``started`` and ``number``; MLflow's filters are part of it.

        Args:
            where: empty for all.
            experiments: names; empty for all.
            order: as ``metrics.auc DESC``; default and last: the newest first.
            columns: which of ``params.NAME``, ``metrics.NAME``, ``tags.NAME``, ``params``,
                ``metrics``, ``tags``, ``inputs`` come with each run; None for all.
            archived: whether archived runs are looked for instead; None for both.
            limit: at most so many.
            after: ``next`` of the page before, asked with the same other arguments.

        Raises:
            DeclarationError: the filter or the order cannot be read; says at which column.
        """
        ...

    def finish(self, run: str, status: RunStatus, ended: int) -> Run:
        """End a run; ending an ended run changes nothing."""
        ...

    def update(
        self,
        run: str,
        *,
        name: str | None = None,
        status: RunStatus | None = None,
        ended: int | None = None,
        archived: bool | None = None,
    ) -> Run:
        """Change what is given, whatever the run's state; ``status`` ``running`` opens it again.

        Raises:
            NotFoundError: there is no such run.
        """
        ...

    def beat(self, run: str) -> RunStatus:
        """Say that the run's process lives, as of the store's clock; return the run's status."""
        ...

    def set_capture(self, run: str, capture: Capture) -> None:
        """Say what it takes to repeat the run."""
        ...

    def log(
        self,
        run: str,
        *,
        params: Sequence[Param] = (),
        metrics: Sequence[Metric] = (),
        tags: Sequence[Tag] = (),
        artifacts: Sequence[Artifact] = (),
        inputs: Sequence[RunInput] = (),
        batch: str | None = None,
    ) -> None:
        """Add to a run in one transaction; a repeated ``batch`` id is taken once.

        An input with the name and digest of one that is there replaces it.

        Raises:
            ConflictError: a parameter has another value already (parameters never change).
        """
        ...

    def params(self, runs: Sequence[str]) -> dict[str, tuple[Param, ...]]:
        """Return parameters by run id, sorted by name."""
        ...

    def metrics(self, runs: Sequence[str]) -> dict[str, tuple[Metric, ...]]:
        """Return the last value of each metric by run id (highest step, then time), by name."""
        ...

    def history(self, run: str, metric: str) -> tuple[Metric, ...]:
        """Return every value of a metric, by (step, at, order of logging)."""
        ...

    def points(self, run: str, metric: str, *, limit: int = 1000, after: str = "") -> Page[Metric]:
        """Return the values of a metric a page at a time, in the order of :meth:`history`."""
        ...

    def curve(
        self,
        run: str,
        metric: str,
        *,
        points: int = 320,
        start: int | None = None,
        end: int | None = None,
    ) -> tuple[Metric, ...]:
        """Return at most ``points`` values that look like all of them, by step.

        Largest triangle, three buckets (Steinarsson 2013) over values preselected by minimum and
        maximum (Van Der Donckt et al. 2023); the first, the last and every extreme are kept.

        Args:
            run: id.
            metric: name.
            points: at least 3.
            start: only steps from here.
            end: only steps before this.
        """
        ...

    def untag(self, run: str, names: Sequence[str]) -> None:
        """Remove tags; those that are not there are left at that."""
        ...

    def inputs(self, runs: Sequence[str]) -> dict[str, tuple[RunInput, ...]]:
        """Return datasets that runs read, by run id, in the order in which they were logged."""
        ...

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Return the experiments of which a run names a blob."""
        ...

    def tags(self, runs: Sequence[str]) -> dict[str, tuple[Tag, ...]]:
        """Return tags by run id, sorted by name; the last value written wins."""
        ...

    def artifacts(self, run: str) -> tuple[Artifact, ...]:
        """Return artifacts by name; the last one written under a name wins."""
        ...


class LoggedModels(Protocol):
    """Models that runs saved and nobody registered yet."""

    def create(self, model: LoggedModel, labels: Sequence[Tag] = ()) -> LoggedModel:
        """Keep a new one with its labels; same id, the one that is there."""
        ...

    def get(self, id: str) -> LoggedModel:
        """Return one by id; raises NotFoundError."""
        ...

    def update(
        self,
        id: str,
        *,
        at: int,
        status: LoggedStatus | None = None,
        message: str | None = None,
        archived: bool | None = None,
    ) -> LoggedModel:
        """Change what is given; raises NotFoundError."""
        ...

    def search(
        self,
        where: str = "",
        *,
        experiments: Sequence[str] = (),
        order: Sequence[str] = (),
        limit: int = 100,
        after: str = "",
    ) -> Page[LoggedModel]:
        """Return logged models for which ``where`` is true, the newest first.

        As :meth:`Runs.search` reads it: ``name``, ``model_id``, ``status``, ``source_run_id``,
        ``creation_timestamp``, ``params.NAME``, ``tags.NAME``, ``metrics.NAME``.
        """
        ...

    def log(
        self,
        id: str,
        *,
        metrics: Sequence[LoggedMetric] = (),
        params: Sequence[Param] = (),
        artifacts: Sequence[Artifact] = (),
    ) -> None:
        """Add to a logged model in one transaction.

        A metric of the same name, run, dataset and step is replaced.

        Raises:
            NotFoundError: there is no such logged model.
            ConflictError: a parameter has another value already (parameters never change).
        """
        ...

    def metrics(self, ids: Sequence[str]) -> dict[str, tuple[LoggedMetric, ...]]:
        """Return metrics by id of the logged model, by name, then dataset, then step."""
        ...

    def artifacts(self, id: str) -> tuple[Artifact, ...]:
        """Return artifacts by name; the last one written under a name wins."""
        ...

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Return the experiments of which a logged model names a blob."""
        ...

    def of_run(self, run: str) -> tuple[tuple[str, int], ...]:
        """Return (id, step) of the logged models that a run gave, in order."""
        ...

    def of_runs(self, runs: Sequence[str]) -> dict[str, tuple[tuple[str, int], ...]]:
        """Return what :meth:`of_run` does, by run id."""
        ...

    def give(self, run: str, models: Sequence[tuple[str, int]]) -> None:
        """Say that a run gave logged models, each at a step."""
        ...


class Labels(Protocol):
    """Free labels of what is no run: ``experiment``, ``model``, ``version``, ``logged``, ``alias``.

    The subject is the experiment's number, the model's name, or the id of a version or logged
    model; of ``alias`` it is the model's name, and each label an alias with a version's number.
    """

    def set(self, kind: str, subject: str, labels: Sequence[Tag]) -> None:
        """Set labels; one set again has the last value.

        Raises:
            NotFoundError: there is no such subject, or no version of an alias's number.
            DeclarationError: there is no such kind.
        """
        ...

    def remove(self, kind: str, subject: str, names: Sequence[str]) -> None:
        """Remove labels; those that are not there are left at that."""
        ...

    def of(self, kind: str, subjects: Sequence[str]) -> dict[str, tuple[Tag, ...]]:
        """Return labels by subject, sorted by name."""
        ...
