"""Answer one request: read it, send each row to production or canary, and put the rows together.

A row that the canary fails is answered by production within the same request. All this happens on
the event loop between two awaits, so a deployment is never changed in the middle of a request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lapwise.core.deployment import Deployment
from lapwise.core.errors import FeatureError, ModelError, NotMaterialisedError, StoreError
from lapwise.core.prediction import (
    Answer,
    Answered,
    Failure,
    FailureKind,
    failed_id,
    prediction_id,
)
from lapwise.serving.arm import Arm, Features
from lapwise.serving.blame import blame
from lapwise.serving.fields import Carried, Fields, input_fields, named
from lapwise.serving.fuse import FUSE_ROWS, Fuse
from lapwise.serving.model import InferenceError, RequestInput, ResponseOutput
from lapwise.serving.routing import Router
from lapwise.serving.tensors import Kind

__all__ = ["Answering", "Part", "Question", "Unanswered", "finite_rows", "outputs_of"]


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it was read: its id, its instant, and what it carries."""

    id: str
    at: int
    carried: Carried
    looked_up: bool
    rows: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(slots=True)
class Part:
    """What one arm answered: the places, in order, with features and scores."""

    arm: Arm
    places: list[int] = field(default_factory=list)
    features: Features = field(default_factory=dict)
    scores: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, places: list[int], features: Features, scores: NDArray[np.float64]) -> None:
        """Add rows."""
        if self.places:
            for name, values in features.items():
                self.features[name] += values
            self.places += places
        else:
            self.features, self.places = features, places
        self.scores.append(scores)

    def record(self) -> Answer:
        """Return what the log keeps of it."""
        return Answer(
            version=self.arm.id,
            arm=self.arm.name,
            places=tuple(self.places),
            features=self.features,
            scores=self.all_scores.tolist(),
        )

    @property
    def all_scores(self) -> NDArray[np.float64]:
        """All its scores, in the order of ``places``."""
        return self.scores[0] if len(self.scores) == 1 else np.concatenate(self.scores)


class Unanswered(InferenceError):
    """Production failed rows, so the caller gets no answer; ``entry`` is what the log keeps."""

    def __init__(self, sentence: str, entry: Answered) -> None:
        super().__init__(500, sentence)
        self.entry = entry


class Answering:
    """A deployment, ready to answer.

    Args:
        deployment: which versions, and for whom.
        production: answers.
        canary: answers the rows of its units, if there is one.
        out: called with the request's instant and a reason once the canary failed too often; it is
            asked no more.
        busy: told 1 before the canary is asked and 0 after, so that a death between can be seen.
        logged: whether answers are logged, and so have an id to which labels may come.

    Raises:
        ModelError: the versions cannot answer the same request, or a signature cannot be served.
    """

    def __init__(
        self,
        deployment: Deployment,
        production: Arm,
        canary: Arm | None = None,
        *,
        out: Callable[[int, str], None] = lambda _at, _reason: None,
        busy: Callable[[int], None] = lambda _flag: None,
        logged: bool = True,
    ) -> None:
        self.deployment = deployment
        self.production = production
        self.canary = canary
        self.fuse = Fuse()
        self.fused = False
        self.logged = logged
        self._out = out
        self._busy = busy
        self._proven = False
        self._router = Router(deployment.salt, deployment.weight if canary else 0)
        served = production.served
        self.inputs = self._input_fields()
        self.features = self._feature_fields()
        self._only_features = frozenset(production.kinds) - {one.name for one in served.inputs}
        if canary is not None and canary.classes != production.classes:
            raise ModelError(
                "the canary's classes are not production's, so one answer cannot hold both",
                value=canary.id,
                expected=f"the classes of {production.id}",
            )

    def read(self, tensors: Sequence[RequestInput], request: str, at: int) -> Question:
        """Return a request, read and checked; raises InferenceError."""
        given = self.inputs is None or (
            bool(self._only_features)
            and {one.name for one in tensors}.issuperset(self.production.kinds)
        )
        fields = self.features if given or self.inputs is None else self.inputs
        carried = fields.read(tensors)
        served = self.production.served
        rows = _names(carried.columns.get(served.row))
        units = _names(carried.columns.get(served.unit or ""))
        return Question(request, at, carried, not given, rows, units)

    def answer(self, question: Question, *, route: bool = True) -> tuple[Answered, list[Part]]:
        """Return the entry for the log, and the parts that :func:`outputs_of` puts together.

        Args:
            question: what :meth:`read` gave.
            route: False asks production for every row.

        Raises:
            Unanswered: production fails.
            InferenceError: the features cannot be made of what the request carries.
        """
        count = question.carried.rows
        places, canaries = list(range(count)), list[int]()
        if route and self.canary is not None and self._may_answer(self.canary, question):
            units = [
                unit or prediction_id(question.id, place)
                for place, unit in enumerate(question.units or [""] * count)
            ]
            places, canaries = self._router.split(units)
        tried = Part(self.canary) if self.canary and canaries else None
        failures: list[Failure] = []
        if tried is not None:
            self._busy(1)
            failures = self._try_canary(question, tried, canaries)
            self._busy(0)
        if tried is not None:
            answered = set(tried.places)
            places = sorted({*places, *(one for one in canaries if one not in answered)})
        parts = [tried] if tried is not None and tried.places else []
        if places or not parts:
            parts.insert(0, self._ask_production(question, places, failures))
        if tried is not None:
            self._tally(tried, failures, question.at)
        return self._entry(question, parts, failures), parts

    def _entry(
        self, question: Question, parts: list[Part], failures: Sequence[Failure]
    ) -> Answered:
        return Answered(
            request=question.id if parts else failed_id(question.id),
            at=question.at,
            revision=self.deployment.revision,
            rows=question.rows,
            units=question.units,
            inputs=question.carried.columns if question.looked_up or not parts else {},
            answers=tuple(part.record() for part in parts),
            failures=tuple(failures),
            looked_up=question.looked_up,
            unseen=_unseen(parts),
        )

    def _ask_production(
        self, question: Question, places: list[int], failures: Sequence[Failure]
    ) -> Part:
        """Ask production; ``failures`` are the canary's, for the record if this fails too."""
        part = Part(self.production)
        said = f"the features of these {len(places)} rows cannot be looked up"
        try:
            features = self._features(self.production, question, places)
            said = f"the model failed on these {len(places)} rows"
            scores = self.production.score(features, len(places))
        except (NotMaterialisedError, StoreError) as error:
            # Nobody's row is to blame, and to look for one takes time.
            raise InferenceError(503, f"the features cannot be looked up: {error.thing}") from error
        except FeatureError as error:
            raise InferenceError(
                400, f"the features cannot be made of these inputs: {error.thing}"
            ) from None
        except Exception as error:
            raise self._unanswered(said, question, places, failures) from error
        finite = finite_rows(scores)
        if not finite.all():
            count = int((~finite).sum())
            said = f"the model gave no finite score for {count} rows"
            raise self._unanswered(said, question, places, failures, finite=finite)
        part.add(places, features, scores)
        return part

    def _unanswered(
        self,
        said: str,
        question: Question,
        places: list[int],
        failures: Sequence[Failure],
        *,
        finite: NDArray[np.bool_] | None = None,
    ) -> Unanswered:
        """Return the error, with the rows that are to blame; ``finite`` says them if it is known."""

        def ask(some: list[int]) -> NDArray[np.bool_]:
            features = self._features(self.production, question, some)
            return finite_rows(self.production.score(features, len(some)))

        own = blame(self.production.id, places, ask, finite)
        found = sorted([*failures, *own], key=lambda one: one.place)
        return Unanswered(said, self._entry(question, [], found))

    def _try_canary(self, question: Question, part: Part, places: list[int]) -> list[Failure]:
        """Ask the canary, and return what it could not answer.

        A canary that has not answered yet gets no more rows at first than its fuse bears. One row
        may spoil the others' answer: after an exception each is asked alone.
        """
        failures: list[Failure] = []
        first = 0 if self._proven else self.fuse.left
        groups = deque(chunk for chunk in (places[:first], places[first:]) if chunk)
        left = self.fuse.left
        while groups and left > 0:
            group = groups.popleft()
            try:
                failed = self._score_canary(question, part, group)
            except (NotMaterialisedError, StoreError):  # away or emptied: not the canary's failure
                break
            except Exception:  # noqa: BLE001 - whatever a canary raises, production answers
                if len(group) > 1:
                    groups.extendleft([place] for place in reversed(group))
                    continue
                failed = [_failure(part.arm, group[0], "exception")]
            failures += failed
            bad = {one.place for one in failed}
            good = max((at for at, place in enumerate(group) if place not in bad), default=-1)
            left = (left if good < 0 else FUSE_ROWS) - (len(group) - 1 - good)
        return failures

    def _score_canary(self, question: Question, part: Part, places: list[int]) -> list[Failure]:
        features = self._features(part.arm, question, places)
        scores = part.arm.score(features, len(places))
        finite = finite_rows(scores)
        if finite.all():
            part.add(places, features, scores)
            return []
        good = np.flatnonzero(finite).tolist()
        if good:
            kept = {name: [values[at] for at in good] for name, values in features.items()}
            part.add([places[at] for at in good], kept, scores[finite])
        bad = np.flatnonzero(~finite).tolist()
        return [_failure(part.arm, places[at], "not_finite") for at in bad]

    def _tally(self, part: Part, failures: list[Failure], at: int) -> None:
        """Count, in the order of rows, what the canary failed where production answered."""
        failed = {one.place for one in failures}
        for place in sorted({*failed, *part.places}):
            if place not in failed:
                self.fuse.answered()
                self._proven = True
            elif self.fuse.failed(1) and not self.fused:
                self.fused = True
                self._out(at, f"{FUSE_ROWS} rows in a row failed where production answered")
        failures.sort(key=lambda one: one.place)

    def _may_answer(self, canary: Arm, question: Question) -> bool:
        """Say whether the canary is in, and whether the caller gave the features that it takes."""
        if self.fused or self.deployment.weight <= 0:
            return False
        return question.looked_up or question.carried.columns.keys() >= canary.kinds.keys()

    def _features(self, arm: Arm, question: Question, places: list[int]) -> Features:
        columns: Mapping[str, list[Any]] = question.carried.columns
        if len(places) != question.carried.rows:
            columns = {name: [values[at] for at in places] for name, values in columns.items()}
        if question.looked_up:
            return arm.look_up(columns, question.at)
        return {name: columns[name] for name in arm.features}

    def _input_fields(self) -> Fields | None:
        served = self.production.served
        if served.lookup is None:
            return None
        needed = input_fields(served.inputs)
        others = input_fields(self.canary.served.inputs) if self.canary else {}
        return Fields(needed, {**named(served), **others})

    def _feature_fields(self) -> Fields:
        needed = self.production.kinds
        others: dict[str, Kind] = self.canary.kinds if self.canary else {}
        return Fields(needed, {**named(self.production.served), **others})


def outputs_of(
    parts: Sequence[Part], request: str, rows: int, *, logged: bool = True
) -> list[ResponseOutput]:
    """Return the outputs of a request, each row's in its place."""
    decides = any(part.arm.decides for part in parts)
    first = parts[0]
    if len(parts) == 1:
        scores = first.all_scores
        shape = list(scores.shape)
        values: list[Any] = scores.tolist()
        decided = first.arm.decide(scores) if decides else []
        numbers, arms = [first.arm.number] * rows, [first.arm.name] * rows
    else:
        values, decided = [None] * rows, [None] * rows
        numbers, arms = [""] * rows, ["production"] * rows
        shape = [rows, *first.all_scores.shape[1:]]
        for part in parts:
            scores = part.all_scores
            decisions = part.arm.decide(scores)
            for at, place in enumerate(part.places):
                decided[place] = decisions[at]
                numbers[place], arms[place] = part.arm.number, part.arm.name
            for place, score in zip(part.places, scores.tolist(), strict=True):
                values[place] = score
    outputs = [ResponseOutput("score", shape, "FP64", values)]
    if decides:
        kind = "BYTES" if first.arm.classes else "BOOL"
        outputs.append(ResponseOutput("decision", [rows], kind, decided))
    if not logged:
        return outputs
    ids = [f"{request}.{place}" for place in range(rows)]
    outputs.append(ResponseOutput("prediction_id", [rows], "BYTES", ids))
    outputs.append(ResponseOutput("model_version", [rows], "BYTES", numbers))
    outputs.append(ResponseOutput("arm", [rows], "BYTES", arms))
    return outputs


def _names(values: list[Any] | None) -> tuple[str, ...]:
    if values is None:
        return ()
    return tuple(["" if value is None else str(value) for value in values])


def finite_rows(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each row whether all its scores are finite."""
    finite: NDArray[np.bool_] = np.isfinite(scores)
    return finite if finite.ndim == 1 else np.logical_and.reduce(finite, axis=1)


def _failure(arm: Arm, place: int, kind: FailureKind) -> Failure:
    return Failure(place=place, version=arm.id, kind=kind)


def _unseen(parts: Sequence[Part]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for name, count in part.arm.unseen(part.features).items():
            found[name] = found.get(name, 0) + count
    return found
