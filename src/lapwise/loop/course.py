"""The course of one lap: which step takes what, and what its key is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lapwise.core.digest import digest_value
from lapwise.core.lap import LapStep
from lapwise.core.model import KeyPart
from lapwise.loop.declaring import declare_features
from lapwise.loop.recipe import Recipe, feature_parts, read_features
from lapwise.loop.steps.baseline import linear_baseline
from lapwise.loop.steps.categories import categories_of
from lapwise.loop.steps.collect import collect, divide
from lapwise.loop.steps.evaluate import draft, package_model, score_baseline, score_version
from lapwise.loop.steps.features import compute_features
from lapwise.loop.steps.fit import train_again, train_in_run
from lapwise.loop.steps.parts import in_parts
from lapwise.loop.steps.rehearsal import Rehearsal
from lapwise.loop.steps.threads import half
from lapwise.loop.tables import take_version

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import DatasetVersion, ModelVersion, Split
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop
    from lapwise.pipeline import Handle, StepRun

__all__ = ["Course"]


class Course:
    """The steps of one lap, called in the order in which they stand.

    Each step's arguments are its key, but for those passed as ``unkeyed``: they follow from the
    key (a declaration whose digest is in it) or cannot change the result (the store).

    A loop with the Reproducible gate trains a second time, in a process that starts as soon as a
    step before the training really runs, and goes beside the lap until its result is asked for.

    Args:
        workshop: the project and all that works on it.
        loop: the page.
        as_of: the world's time that the lap sees, in microseconds.
        note: called with each step's line for the ledger, as soon as the step is done.
    """

    def __init__(
        self, workshop: Workshop, loop: Loop, as_of: int, note: Callable[[LapStep], None]
    ) -> None:
        self.workshop = workshop
        self.loop = loop
        self.as_of = as_of
        self.note = note
        self.versions: dict[str, DatasetVersion] = {}
        self._row = loop.examples.row
        self._inputs = [name for name in loop.features if isinstance(name, str)]
        self._joined: tuple[str, pl.DataFrame] | None = None
        self._rehearsal: Rehearsal | None = None
        # The process that trains again reads the same page, and needs no other.
        asked = any("reproduction" in gate.needs for gate in loop.gates)
        self._rehearses = asked and bool(loop.origin) and workshop.engine.caches
        self._threads = half() if self._rehearses else 0

    def validate(self, *, accept: bool) -> None:
        """Take a version of each table as known now; its contract must hold."""
        clock = self.workshop.machine
        began, started = clock.timestamp(), clock.monotonic()
        for table in self.loop.tables:
            self.versions[table.name] = take_version(
                self.workshop, table, watermark=self.as_of, accept=accept
            )
        digest = digest_value(self.datasets)
        self.note(
            LapStep(
                name="validate",
                key=digest,
                digest=digest,
                reused=all(version.created < began for version in self.versions.values()),
                seconds=clock.monotonic() - started,
            )
        )

    @property
    def datasets(self) -> tuple[KeyPart, ...]:
        """The dataset versions of this lap, ``table@vN`` with its digest, by table."""
        return tuple(
            KeyPart(name=f"{name}@v{version.number}", digest=version.digest)
            for name, version in sorted(self.versions.items())
        )

    def split(self, previous: Split | None) -> Split:
        """Collect the examples known by now, and say which train, validate and test."""
        examples = self.loop.examples
        self.examples = self.call(
            "examples",
            collect,
            examples,
            self.digests((examples.table.name, examples.label.table.name)),
            self.as_of,
            getattr(self.loop.split, "since", _everything)(self.as_of),
            [*self.loop.carried],
            before=self._rehearse,
            versions=self.versions,
            store=self.workshop.store,
        )
        self.parts = self.call(
            "split",
            divide,
            self.examples,
            self.loop.split,
            self.loop.name,
            self.as_of,
            previous,
            self._row,
            before=self._rehearse,
            store=self.workshop.store,
        )
        return self.parts.handle.value()  # type: ignore[no-any-return]

    def features(self) -> None:
        """Compute every feature as of each example's time."""
        read = {view.table.name for view in self.loop.views}
        declare_features(self.workshop.store, self.loop, self.as_of)
        self.frame = self.compute(self.loop.features, read, before=self._rehearse)

    def compute(
        self,
        features: Any,
        tables: Iterable[str],
        before: Callable[[], object] = lambda: None,
    ) -> StepRun:
        """Run the step that computes features from the lap's versions of tables."""
        names = sorted(set(tables))
        return self.call(
            "features",
            compute_features,
            self.examples,
            list(features),
            self.digests(names),
            self._row,
            before=before,
            versions={name: self.versions[name] for name in names},
            store=self.workshop.store,
            progress=self.workshop.progress,
        )

    def compute_recipe(self, recipe: Recipe) -> StepRun:
        """Compute the features of another version, by the definitions that it was trained with."""
        features = read_features(recipe, self.workshop.store.records)
        return self.compute(features, {one.table.name for one in features if hasattr(one, "table")})

    def recipe(self) -> Recipe:
        """Say how rows become inputs, for whoever answers with this lap's version."""
        examples = self.loop.examples
        types = {column.name: column for column in self.versions[examples.table.name].columns}
        categories = self.call(
            "categories",
            categories_of,
            self.of(),
            list(self.loop.feature_names),
            rows=self.rows,
        )
        return Recipe(
            row=self._row,
            time=examples.time,
            unit=examples.unit,
            inputs=tuple(types[name] for name in examples.inputs),
            features=feature_parts(self.loop.features),
            categories=tuple(categories.handle.value()),
        )

    def train(self, lap: str) -> str:
        """Train the candidate in a run, and return the run's id."""
        trained = self.call(
            "train",
            train_in_run,
            *self._training,
            before=self._rehearse,
            rows=self.rows,
            threads=self._threads,
            experiment=self.loop.name,
            lap=lap,
            datasets=self.datasets,
            split=self.parts.handle.value().digest,
            frame=self.frame.handle.value().digest,
            code=self.workshop.engine.fingerprint(self.loop.train),
            store=self.workshop.store,
            root=self.workshop.project.root,
        )
        self.model = trained.handle.part(0)
        self._threads = int(trained.handle.part(2).value())
        return str(trained.handle.part(1).value())

    def train_again(self, threads: int) -> None:
        """Train without a run, with so many threads, as a reproduction does."""
        again = self.call("train", train_again, *self._training, rows=self.rows, threads=threads)
        self.model = again.handle.part(0)

    @property
    def results(self) -> tuple[KeyPart, ...]:
        """What a reproduction must give again: the digest of each result, in order."""
        return (
            KeyPart(name="examples", digest=self.examples.handle.digest),
            KeyPart(name="split", digest=self.parts.handle.digest),
            KeyPart(name="features", digest=self.frame.handle.digest),
            KeyPart(name="train", digest=self.model.digest),
        )

    @property
    def _training(self) -> tuple[Any, ...]:
        loop = self.loop
        return (
            self.of(),
            loop.train,
            dict(loop.params),
            loop.seed,
            list(loop.feature_names),
            self._row,
            loop.decide,
        )

    def package(self) -> ModelVersion:
        """Package the candidate and score validation and test rows with what would answer."""
        self.packaged = self.call(
            "package",
            package_model,
            self.model,
            self.of(),
            list(self.loop.feature_names),
            list(self.loop.trusted),
            rows=self.rows,
            store=self.workshop.store,
            progress=self.workshop.progress,
        )
        candidate = draft(self.loop.name, self.packaged.handle.value())
        self.scores = self.score("evaluate", candidate, self.frame)
        return candidate

    def score(self, name: str, version: ModelVersion, frame: StepRun) -> StepRun:
        """Score the validation and test rows with a packaged model."""
        return self.call(
            name,
            score_version,
            version.digest,
            version.serving,
            self.of(frame),
            self._row,
            version=version,
            rows=lambda: self.rows(frame),
            store=self.workshop.store,
        )

    def baseline(self) -> StepRun:
        """Train and score the baseline."""
        return self.call(
            "baseline",
            score_baseline,
            self.loop.baseline or linear_baseline,
            self.of(),
            self._inputs,
            self.loop.seed,
            self._row,
            rows=self.rows,
            threads=self._threads,
        )

    def of(self, frame: StepRun | None = None) -> list[Handle]:
        """Return what names :meth:`rows` in a step's key, without its being read."""
        steps = (self.examples, self.parts, frame or self.frame)
        return [step.handle.unread() for step in steps]

    def rows(self, frame: StepRun | None = None) -> pl.DataFrame:
        """Return the rows that are in a part: examples, ``part``, and the features of a frame.

        They are read and joined once a lap, and kept until it ends. Columns: those of the examples
        (the row's name, ``time``, ``unit``, ``block``, ``label``, ``label_known``, ...), ``part``
        (``train``, ``validation``, ``test``), then features, each named as on the page.
        """
        chosen = frame or self.frame
        if self._joined is None or self._joined[0] != chosen.handle.digest:
            joined = in_parts(
                self.examples.handle.value(),
                self.parts.handle.value(),
                chosen.handle.value(),
                row=self._row,
                store=self.workshop.store,
            )
            if chosen.handle.digest != self.frame.handle.digest:
                return joined
            self._joined = (chosen.handle.digest, joined)
        return self._joined[1].clone()

    def judged(self) -> pl.DataFrame:
        """Return the validation and test rows as :meth:`rows`, with the candidate's ``score``."""
        scores = self.scores.handle.value().select(self._row, "score")
        return self.rows().join(scores, on=self._row, how="inner", maintain_order="left")

    def rehearsal(self) -> Rehearsal | None:
        """Return the process that trains again as this lap's model was trained.

        The one that runs already, unless it has other threads than a training that was reused;
        None if the page is in no file that a process could read.
        """
        if not self.loop.origin:
            return None
        if self._rehearsal is None or self._rehearsal.threads != self._threads:
            self.close()
            self._rehearsal = Rehearsal(
                origin=self.loop.origin,
                versions=self.version_ids,
                as_of=self.as_of,
                threads=self._threads,
                root=self.workshop.project.root,
            )
        return self._rehearsal

    @property
    def version_ids(self) -> list[str]:
        """The ids of the dataset versions of this lap, by table."""
        return [version.id for _, version in sorted(self.versions.items())]

    def quiet(self) -> None:
        """Wait until no process of this lap works beside it."""
        if self._rehearsal is not None:
            self._rehearsal.wait()

    def close(self) -> None:
        """Stop the process that trains again, if its result was not needed after all."""
        if self._rehearsal is not None:
            self._rehearsal.close()
            self._rehearsal = None

    def _rehearse(self) -> None:
        """Start to train again: a step before the training, or it, runs, so there is need."""
        if self._rehearses and self._rehearsal is None:
            self.rehearsal()

    def call(
        self,
        name: str,
        function: Callable[..., Any],
        *keyed: object,
        before: Callable[[], object] = lambda: None,
        **unkeyed: object,
    ) -> StepRun:
        """Run or reuse a step, and note it for the ledger; ``before`` is called if it runs."""
        clock = self.workshop.machine
        started = clock.monotonic()
        run = self.workshop.engine.call(function, *keyed, name=name, unkeyed=unkeyed, before=before)
        self.note(
            LapStep(
                name=name,
                key=run.key,
                digest=run.handle.digest,
                reused=run.reused,
                seconds=clock.monotonic() - started,
            )
        )
        return run

    def digests(self, tables: Iterable[str]) -> list[str]:
        """Return the digests of this lap's versions of some tables, by name."""
        return [self.versions[name].digest for name in sorted(set(tables))]


def _everything(_as_of: int) -> None:
    """Return since when examples count for a split that looks at them all."""
    return
