"""Find one logged prediction again, with what became known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.core.prediction import Answered, Feedback, prediction_id
from lapwise.serving import LogReader

if TYPE_CHECKING:
    from lapwise.core.model import Scalar
    from lapwise.core.prediction import Answer, LogEntry

__all__ = ["Logged", "find_logged"]


@dataclass(frozen=True, slots=True)
class Logged:
    """One row's answer: the entry it stands in, its place there, who answered, its label if known."""

    entry: Answered
    place: int
    answer: Answer
    label: Scalar = None
    labelled_at: int | None = None

    @property
    def features(self) -> dict[str, Scalar]:
        """The row's vector, as it was looked up or given."""
        at = self.answer.places.index(self.place)
        return {name: values[at] for name, values in self.answer.features.items()}

    @property
    def score(self) -> float | list[float]:
        """The row's score."""
        return self.answer.scores[self.answer.places.index(self.place)]

    @property
    def inputs(self) -> dict[str, Scalar]:
        """What the request carried for the row."""
        return {name: values[self.place] for name, values in self.entry.inputs.items()}


def find_logged(live: Path, reference: str) -> Logged | None:
    """Return a prediction by its id, ``REQUEST.PLACE``, from any model's log; None if not there."""
    request, _, place = reference.rpartition(".")
    if not request or not place.isdecimal():
        return None
    for folder in sorted(live.glob("*/log")):
        found = _search(folder, request, int(place))
        if found is not None:
            return found
    return None


def _search(folder: Path, request: str, place: int) -> Logged | None:
    entries = LogReader(folder).read()
    for entry in entries:
        if isinstance(entry, Answered) and entry.request == request and not entry.shadow:
            for answer in entry.answers:
                if place in answer.places:
                    return _with_label(Logged(entry, place, answer), entries)
    return None


def _with_label(found: Logged, entries: Sequence[LogEntry]) -> Logged:
    name = prediction_id(found.entry.request, found.place)
    row = found.entry.rows[found.place] if found.entry.rows else ""
    for entry in entries:
        if isinstance(entry, Feedback):
            for outcome in entry.outcomes:
                if outcome.prediction == name or (row and outcome.row == row):
                    return Logged(found.entry, found.place, found.answer, outcome.label, entry.at)
    return found
