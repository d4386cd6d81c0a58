"""What is known about a candidate: its metrics, and the verdicts of its gates."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lapwise.core.duration import parse_duration
from lapwise.core.model import Metric, Verdict
from lapwise.loop.recipe import feature_parts, read_recipe
from lapwise.loop.steps.judge import choose_threshold, judge_candidate, measure
from lapwise.loop.steps.latency import measure_latency
from lapwise.loop.steps.leakage import search_leakage
from lapwise.loop.steps.reproduce import reproduce

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion
    from lapwise.loop.course import Course
    from lapwise.pipeline import StepRun

__all__ = ["Evaluation"]


class Evaluation:
    """The last steps of a lap. Evidence that no gate asks for is not collected.

    Args:
        course: the lap, with the candidate trained, packaged and scored.
        candidate: the packaged candidate, not registered yet.
    """

    def __init__(self, course: Course, candidate: ModelVersion) -> None:
        self._course = course
        self._candidate = candidate
        self._needs = {need for gate in course.loop.gates for need in gate.needs}

    @cached_property
    def threshold(self) -> float | None:
        """The score from which the candidate's decision is yes."""
        return choose_threshold(self._course.loop.decide, self._course.scores.handle.value())

    def metrics(self) -> tuple[Metric, ...]:
        """Measure the page's metrics on the test rows."""
        course = self._course
        run = course.call(
            "metrics",
            measure,
            list(course.loop.metrics),
            course.examples,
            course.scores,
            self.threshold,
            list(self._candidate.classes),
            course.loop.examples.row,
        )
        return tuple(run.handle.value())

    def verdicts(self) -> tuple[Verdict, ...]:
        """Collect the evidence that the gates need, and hear them."""
        course, loop = self._course, self._course.loop
        production = course.workshop.store.models.production(loop.name)
        if production is not None and production.digest == self._candidate.digest:
            production = None  # nobody is compared with itself
        beside = self._production(production) if "production" in self._needs else None
        baseline = course.baseline() if "baseline" in self._needs else None
        findings = self._findings() if "findings" in self._needs else None
        latency = self._latency() if "latency" in self._needs else None
        reproduction = self._reproduction() if "reproduction" in self._needs else None
        run = course.call(
            "gates",
            judge_candidate,
            list(loop.gates),
            course.examples,
            course.scores,
            baseline,
            beside,
            self._comparable_from(production) if beside is not None else None,
            loop.decide,
            production.threshold if production is not None and beside is not None else None,
            list(self._candidate.classes),
            findings,
            latency,
            reproduction,
            loop.examples.row,
            loop.seed,
        )
        return tuple(run.handle.value())

    def _production(self, production: ModelVersion | None) -> StepRun | None:
        """Score the same rows with production, on the features that it was trained with.

        A candidate that is production's equal is not compared with itself.
        """
        if production is None or production.lineage.recipe is None:
            return None
        if (production.digest, production.threshold) == (self._candidate.digest, self.threshold):
            return None
        course = self._course
        store = course.workshop.store
        frame = course.frame
        recipe = read_recipe(production.lineage.recipe, store.records)
        if recipe.features != feature_parts(course.loop.features):
            frame = course.compute_recipe(recipe)
        return course.score("production", production, frame)

    def _comparable_from(self, production: ModelVersion | None) -> int | None:
        """Return the first instant whose rows production was not trained or chosen on."""
        if production is None or production.lineage.trained_until is None:
            return None
        embargo = parse_duration(getattr(self._course.loop.split, "embargo", "0s"))
        return production.lineage.trained_until + embargo

    def _findings(self) -> StepRun:
        course = self._course
        label = course.loop.examples.label
        return course.call(
            "leakage",
            search_leakage,
            course.of(),
            course.parts,
            list(course.loop.feature_names),
            list(course.loop.views),
            course.loop.examples.row,
            label,
            course.digests({label.table.name, *(view.table.name for view in course.loop.views)}),
            rows=course.rows,
            versions=course.versions,
            store=course.workshop.store,
        )

    def _latency(self) -> StepRun:
        course = self._course
        return course.call(
            "latency",
            measure_latency,
            self._candidate.digest,
            self._candidate.serving,
            course.of(),
            version=self._candidate,
            rows=course.rows,
            url=course.workshop.project.store,
            blobs=course.workshop.project.blobs,
            quiet=course.quiet,  # the second training runs beside all else, but not beside this
        )

    def _reproduction(self) -> StepRun:
        course = self._course
        run = course.call(
            "reproduce",
            reproduce,
            list(course.results),
            course.version_ids,
            rehearsal=course.rehearsal,
        )
        course.close()
        return run
