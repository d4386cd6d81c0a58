"""How wrong an answer was, once its label is known."""

from __future__ import annotations

import math

from lapwise.core.evidence import Task
from lapwise.core.model import Record, Scalar

__all__ = ["Loss"]


class Loss(Record, frozen=True, kw_only=True):
    """What counts as a mistake for a task.

    Binary with thresholds, and several classes: 1 for a wrong decision, else 0. Binary without a
    threshold: the squared distance of the score from the label (Brier). Regression: the absolute
    error; it has no scale of its own, so harm is measured as a share of production's.
    """

    task: Task
    threshold_candidate: float | None = None
    threshold_control: float | None = None
    classes: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether an answer is a decision, right or wrong, and not a number near or far."""
        if self.task == "binary":
            return self.threshold_candidate is not None and self.threshold_control is not None
        return self.task == "multiclass"

    @property
    def relative(self) -> bool:
        """Whether harm is a share of production's loss."""
        return self.task == "regression"

    def reduce(self, score: float | list[float], *, candidate: bool) -> float:
        """Return what must be kept of an answer until its label comes.

        A decision (0 or 1), the place of the likeliest class, or the score itself.
        """
        if isinstance(score, list):
            return float(max(range(len(score)), key=score.__getitem__))
        if self.task == "binary" and self.decided:
            threshold = self.threshold_candidate if candidate else self.threshold_control
            return float(threshold is not None and score >= threshold)
        return score

    def measure(self, kept: float, label: Scalar) -> float | None:
        """Return the loss of an answer, or None if the label is none of this task."""
        if self.task == "multiclass":
            named = self.classes[int(kept)] if self.classes else str(int(kept))
            return float(str(label) != named)
        truth = self._number(label)
        if truth is None:
            return None
        if self.task == "regression":
            return abs(kept - truth)
        return float(kept != truth) if self.decided else (kept - truth) ** 2

    def _number(self, label: Scalar) -> float | None:
        """Return a label as a number: 0 or 1 for two classes."""
        if self.task == "binary" and len(self.classes) == 2 and str(label) in self.classes:
            return float(self.classes.index(str(label)))
        try:
            number = float(label) if label is not None else math.nan
        except ValueError:
            return None
        fine = number in (0.0, 1.0) if self.task == "binary" else math.isfinite(number)
        return number if fine else None
