"""What became of the answers: labels joined to predictions, performance by day.

A day is that of the prediction. A label counts from the instant it arrived, so every question is
asked as of an instant, and asking later about an earlier one gives the same answer.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from lapwise.core.model import Metric
from lapwise.core.observation import DayPerformance
from lapwise.monitoring.days import DAY
from lapwise.monitoring.labels import truth
from lapwise.monitoring.scores import DayRows, measure_day

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from lapwise.core.model import Scalar
    from lapwise.core.prediction import Answered, Feedback
    from lapwise.monitoring.reference import Reference

__all__ = ["HORIZON", "DayRead", "Outcomes"]

HORIZON = 40 * DAY
"""How long a prediction waits for its label by default, in microseconds."""

_BINARY = ("False", "True")


class DayRead(NamedTuple):
    """One day's answers of one version: how many rows, and those labelled by an instant."""

    rows: int
    labelled: DayRows


class Outcomes:
    """Joins feedback to the answers of production and canary.

    A label names its prediction by id, or by row: then it is of all predictions of that row so
    far. The first label of a prediction counts, one that comes later than ``horizon`` after the
    prediction does not. ``uncounted`` says how many labels were not used, and why.

    Args:
        model: the model's name.
        reference_of: as for :class:`~lapwise.monitoring.counters.Counters`; says the classes.
        horizon: how long a prediction is remembered, in microseconds of the world.
    """

    def __init__(
        self,
        model: str,
        reference_of: Callable[[str], Reference | None],
        *,
        horizon: int = HORIZON,
    ) -> None:
        self.uncounted: Counter[str] = Counter()
        self._model = model
        self._reference_of = reference_of
        self._horizon = horizon
        self._classes: dict[str, tuple[str, ...]] = {}
        self._days: dict[int, _Day] = {}
        self._requests: dict[str, dict[int, tuple[int, int]]] = {}
        self._rows: dict[str, list[tuple[int, int]]] = {}
        self._told: dict[int, tuple[int, int]] = {}

    def answered(self, entry: Answered) -> None:
        """Remember every row of a request that has one finite score."""
        number = entry.at // DAY * DAY
        day = self._days.get(number)
        if day is None:
            day = self._days[number] = _Day()
        places = self._requests.setdefault(entry.request, {})
        day.requests.append(entry.request)
        day.rows.extend(entry.rows)
        for answer in entry.answers:
            if len(self._classes_of(answer.version)) != 2:
                continue
            for place, score in zip(answer.places, answer.scores, strict=True):
                if isinstance(score, list) or not isfinite(score):
                    continue
                at = (number, day.add(entry.at, answer.version, score))
                places[place] = at
                if place < len(entry.rows):
                    self._rows.setdefault(entry.rows[place], []).append(at)

    def feedback(self, entry: Feedback) -> None:
        """Give predictions their labels."""
        for outcome in entry.outcomes:
            if outcome.prediction:
                request, _, place = outcome.prediction.rpartition(".")
                known = self._requests.get(request, {})
                found = [known[int(place)]] if place.isdigit() and int(place) in known else []
            else:
                found = self._rows.get(outcome.row, [])
            if not found:
                self.uncounted["unknown prediction"] += 1
            for number, place_in_day in found:
                self._label(self._days[number], place_in_day, outcome.label, entry.at)

    def days(self) -> list[int]:
        """Return the days that are remembered, in order."""
        return sorted(self._days)

    def read(self, day: int, version: str | None, as_of: int) -> DayRead:
        """Return one day's rows of a version (None: of all), labelled before ``as_of``."""
        import numpy as np

        found = self._days.get(day)
        if found is None:
            nothing = np.empty(0)
            return DayRead(0, DayRows(nothing, nothing))
        score, label, label_at, versions = found.arrays()
        mine = np.ones(len(score), dtype=bool)
        if version is not None:
            mine = versions == found.codes.get(version, -1)
        known = mine & (label_at < as_of)
        return DayRead(int(mine.sum()), DayRows(score[known], label[known]))

    def changed(self, as_of: int) -> tuple[DayPerformance, ...]:
        """Return the days before ``as_of`` whose rows or labels have changed since last told."""
        found = []
        for day in self.days():
            read = self.read(day, None, as_of)
            counts = (read.rows, len(read.labelled.label))
            if day < as_of and read.rows and self._told.get(day) != counts:
                self._told[day] = counts
                found.append(_performance(self._model, day, read))
        return tuple(found)

    def forget(self, before: int) -> None:
        """Drop the days before an instant, and all that names their predictions."""
        for number in [day for day in self._days if day < before]:
            day = self._days.pop(number)
            self._told.pop(number, None)
            for request in day.requests:
                self._requests.pop(request, None)
            for row in day.rows:
                kept = [at for at in self._rows.pop(row, ()) if at[0] >= before]
                if kept:
                    self._rows[row] = kept

    def _label(self, day: _Day, place: int, label: Scalar, at: int) -> None:
        value = truth(label, self._classes_of(day.names[day.versions[place]]))
        if value is None:
            self.uncounted["not a class"] += 1
        elif at - day.at[place] >= self._horizon:
            self.uncounted["too late"] += 1
        elif at >= day.label_at[place]:
            self.uncounted["not the first"] += 1
        else:
            # Logs of several workers may be a little out of order: the earliest label counts.
            day.set(place, value, at)

    def _classes_of(self, version: str) -> tuple[str, ...]:
        if version not in self._classes:
            reference = self._reference_of(version)
            self._classes[version] = _BINARY if reference is None else reference.classes
        return self._classes[version]


class _Day:
    """The predictions of one day, in columns."""

    _NEVER = 1 << 62

    def __init__(self) -> None:
        self.at: list[int] = []
        self.score: list[float] = []
        self.versions: list[int] = []
        self.label: list[float] = []
        self.label_at: list[int] = []
        self.codes: dict[str, int] = {}
        self.names: list[str] = []
        self.requests: list[str] = []
        self.rows: list[str] = []
        self._arrays: tuple[NDArray[np.float64], ...] | None = None

    def add(self, at: int, version: str, score: float) -> int:
        """Add a prediction and return its place."""
        if version not in self.codes:
            self.codes[version] = len(self.names)
            self.names.append(version)
        self.at.append(at)
        self.score.append(score)
        self.versions.append(self.codes[version])
        self.label.append(0.0)
        self.label_at.append(self._NEVER)
        self._arrays = None
        return len(self.at) - 1

    def set(self, place: int, label: float, at: int) -> None:
        """Give a prediction its label."""
        self.label[place], self.label_at[place] = label, at
        self._arrays = None

    def arrays(self) -> tuple[NDArray[np.float64], ...]:
        """Return score, label, the label's instant and the version's code of every prediction."""
        import numpy as np

        if self._arrays is None:
            self._arrays = (
                np.array(self.score, dtype=np.float64),
                np.array(self.label, dtype=np.float64),
                np.array(self.label_at, dtype=np.int64),
                np.array(self.versions, dtype=np.int64),
            )
        return self._arrays


def _performance(model: str, day: int, read: DayRead) -> DayPerformance:
    labelled = read.labelled
    count = len(labelled.label)
    return DayPerformance(
        model=model,
        day=day,
        rows=read.rows,
        labelled=count,
        base_rate=float(labelled.label.mean()) if count else 0.0,
        mean_score=float(labelled.score.mean()) if count else 0.0,
        metrics=tuple(
            Metric(name=name, value=value) for name, value in measure_day(*labelled).items()
        ),
    )
