"""The course of one lap: which step takes what, and what its key is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lapwise.core.digest import digest_value
from lapwise.core.model import KeyPart, LapStep
from lapwise.data.snapshot import snapshot
from lapwise.loop.recipe import Recipe, feature_parts, read_features
from lapwise.loop.steps.baseline import linear_baseline
from lapwise.loop.steps.categories import categories_of
from lapwise.loop.steps.collect import collect, divide
from lapwise.loop.steps.evaluate import draft, package_model, score_baseline, score_version
from lapwise.loop.steps.features import compute_features
from lapwise.loop.steps.fit import train_again, train_in_run

if TYPE_CHECKING:
    from lapwise.core.model import DatasetVersion, ModelVersion, Split
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop
    from lapwise.pipeline import StepRun

__all__ = ["Course"]


class Course:
    """The steps of one lap, called in the order in which they stand.

    Each step's arguments are its key, but for those passed as ``unkeyed``: they follow from the
    key (a declaration whose digest is in it) or cannot change the result (the store).

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

    def validate(self, *, accept: bool) -> None:
        """Take a version of each table as known now; its contract must hold."""
        clock = self.workshop.machine
        began, started = clock.timestamp(), clock.monotonic()
        for table in self.loop.tables:
            self.versions[table.name] = snapshot(
                table,
                self.workshop.store,
                root=self.workshop.project.root,
                watermark=self.as_of,
                accept=accept,
                progress=self.workshop.progress,
                fingerprint=self.workshop.engine.fingerprint,
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
            self._digests((examples.table.name, examples.label.table.name)),
            self.as_of,
            [*self.loop.carried],
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
            store=self.workshop.store,
        )
        return self.parts.handle.value()  # type: ignore[no-any-return]

    def features(self) -> None:
        """Compute every feature as of each example's time."""
        read = {view.table.name for view in self.loop.views}
        self.frame = self.compute(self.loop.features, read)

    def compute(self, features: Any, tables: Iterable[str]) -> StepRun:
        """Run the step that computes features from the lap's versions of tables."""
        names = sorted(set(tables))
        return self.call(
            "features",
            compute_features,
            self.examples,
            list(features),
            self._digests(names),
            self._row,
            versions={name: self.versions[name] for name in names},
            store=self.workshop.store,
            progress=self.workshop.progress,
        )

    def compute_recipe(self, recipe: Recipe) -> StepRun:
        """Compute the features of another version, by the definitions that it was trained with."""
        features = read_features(recipe, self.workshop.store)
        return self.compute(features, {one.table.name for one in features if hasattr(one, "table")})

    def recipe(self) -> Recipe:
        """Say how rows become inputs, for whoever answers with this lap's version."""
        examples = self.loop.examples
        types = {column.name: column for column in self.versions[examples.table.name].columns}
        categories = self.call(
            "categories",
            categories_of,
            self.examples,
            self.parts,
            self.frame,
            list(self.loop.feature_names),
            self._row,
            store=self.workshop.store,
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
            experiment=self.loop.name,
            lap=lap,
            datasets=self.datasets,
            code=self.workshop.engine.fingerprint(self.loop.train),
            store=self.workshop.store,
            root=self.workshop.project.root,
        )
        self.model = trained.handle.part(0)
        return str(trained.handle.part(1).value())

    def train_again(self) -> None:
        """Train without a run, as a reproduction does."""
        again = self.call("train", train_again, *self._training, store=self.workshop.store)
        self.model = again.handle

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
            self.examples,
            self.parts,
            self.frame,
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
            self.examples,
            self.parts,
            self.frame,
            list(self.loop.feature_names),
            list(self.loop.trusted),
            self._row,
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
            self.examples,
            self.parts,
            frame,
            self._row,
            version=version,
            store=self.workshop.store,
        )

    def baseline(self) -> StepRun:
        """Train and score the baseline."""
        return self.call(
            "baseline",
            score_baseline,
            self.loop.baseline or linear_baseline,
            self.examples,
            self.parts,
            self.frame,
            self._inputs,
            self.loop.seed,
            self._row,
            store=self.workshop.store,
        )

    def call(
        self, name: str, function: Callable[..., Any], *keyed: object, **unkeyed: object
    ) -> StepRun:
        """Run or reuse a step, and note it for the ledger."""
        clock = self.workshop.machine
        started = clock.monotonic()
        run = self.workshop.engine.call(function, *keyed, name=name, unkeyed=unkeyed)
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

    def _digests(self, tables: Iterable[str]) -> list[str]:
        return [self.versions[name].digest for name in sorted(set(tables))]
