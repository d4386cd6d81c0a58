"""How good scores were, with the doubt that comes from days and not from rows.

Rows of one day share its weather, so the unit of doubt is the day: errors are delete-one-day
jackknives (Efron & Tibshirani 1993, ch. 11). The area under the ROC curve of all rows but a day's
comes from how many ordered pairs the day's positives and negatives take part in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["JUDGED", "DayRows", "Estimate", "judge_metric", "measure_day"]

JUDGED = ("roc_auc", "log_loss", "brier")
"""What performance is judged by. The losses are judged as skill: the share of the loss of always
saying the base rate of the time that the scores save. Accuracy, precision and recall follow the
base rate of the time and are no judge."""

FEWEST_DAYS = 5
FEWEST_OF_A_CLASS = 20
_EPSILON = 1e-7


class DayRows(NamedTuple):
    """Labelled answers of one day: scores in [0, 1] and what became of them, 0 or 1."""

    score: NDArray[np.float64]
    label: NDArray[np.float64]


class Estimate(NamedTuple):
    """A value, its standard error over days, and how many days and rows it comes from."""

    value: float
    error: float
    days: int
    rows: int


def measure_day(score: NDArray[np.float64], label: NDArray[np.float64]) -> dict[str, float]:
    """Return what is defined of roc_auc, log_loss, brier and skill (of the log loss)."""
    if not len(score):
        return {}
    rate = float(label.mean())
    loss = float(_log_loss(score, label).mean())
    found = {"log_loss": loss, "brier": float(((score - label) ** 2).mean())}
    if 0 < rate < 1:
        found = {"roc_auc": _auc(score, label), **found}
        found["skill"] = 1 - loss / _entropy(rate)
    return found


def judge_metric(metric: str, days: Sequence[DayRows]) -> Estimate | None:
    """Return ``roc_auc``, or the skill of a loss, over all rows of the days; None if too few.

    It needs 5 days and 20 rows of each class.
    """
    import numpy as np

    rows = sum(len(day.label) for day in days)
    positives = float(sum(day.label.sum() for day in days))
    if len(days) < FEWEST_DAYS or min(positives, rows - positives) < FEWEST_OF_A_CLASS:
        return None
    if metric == "roc_auc":
        value, without = _auc_by_day(days)
    else:
        value, without = _skill_by_day(metric, days)
    without = without[np.isfinite(without)]
    count = len(without)
    spread = float(((without - without.mean()) ** 2).sum()) * (count - 1) / count
    return Estimate(value, spread**0.5, len(days), rows)


def _log_loss(score: NDArray[np.float64], label: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    given = np.clip(np.where(label > 0, score, 1 - score), _EPSILON, 1)
    losses: NDArray[np.float64] = -np.log(given)
    return losses


def _entropy(rate: float) -> float:
    from math import log

    return -(rate * log(rate) + (1 - rate) * log(1 - rate))


def _auc(score: NDArray[np.float64], label: NDArray[np.float64]) -> float:
    import numpy as np

    positive, negative = score[label > 0], np.sort(score[label <= 0])
    return _below(positive, negative) / len(positive) / len(negative)


def _auc_by_day(days: Sequence[DayRows]) -> tuple[float, NDArray[np.float64]]:
    """Return the area over all rows, and over all but each day's."""
    import numpy as np

    positives = [np.sort(day.score[day.label > 0]) for day in days]
    negatives = [np.sort(day.score[day.label <= 0]) for day in days]
    ups = np.array([len(one) for one in positives], dtype=np.float64)
    downs = np.array([len(one) for one in negatives], dtype=np.float64)
    every_up, every_down = np.sort(np.concatenate(positives)), np.sort(np.concatenate(negatives))
    # In how many ordered pairs a day's positives, its negatives, and both take part.
    mine = np.array([_below(one, every_down) for one in positives])
    theirs = np.array([len(every_up) * len(one) - _below(one, every_up) for one in negatives])
    both = np.array([_below(up, down) for up, down in zip(positives, negatives, strict=True)])
    total = mine.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        without = (total - mine - theirs + both) / ((ups.sum() - ups) * (downs.sum() - downs))
    return float(total / ups.sum() / downs.sum()), without


def _below(values: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Count pairs in which a value is above one of the sorted others; a tie is a half."""
    import numpy as np

    under = np.searchsorted(others, values, side="left")
    upto = np.searchsorted(others, values, side="right")
    return float((under + upto).sum()) / 2


def _skill_by_day(metric: str, days: Sequence[DayRows]) -> tuple[float, NDArray[np.float64]]:
    import numpy as np

    losses = np.array(
        [
            float((_log_loss(*day) if metric == "log_loss" else (day.score - day.label) ** 2).sum())
            for day in days
        ]
    )
    rows = np.array([len(day.label) for day in days], dtype=np.float64)
    hits = np.array([day.label.sum() for day in days])

    def skill(
        loss: NDArray[np.float64], n: NDArray[np.float64], hit: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rate = np.clip(hit / n, _EPSILON, 1 - _EPSILON)
        spread = rate * (1 - rate)
        entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
        return 1 - loss / n / (entropy if metric == "log_loss" else spread)

    value = skill(losses.sum(keepdims=True), rows.sum(keepdims=True), hits.sum(keepdims=True))
    without = skill(losses.sum() - losses, rows.sum() - rows, hits.sum() - hits)
    return float(value[0]), without
