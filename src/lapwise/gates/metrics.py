"""The metrics that gates know: what each is for, and which way is better.

This table is light, so that a page is checked when it is declared; ``statistics`` computes. Every
metric is defined as in scikit-learn, ``calibration_error`` apart (ten bins of equal count, mean
gap between forecast and outcome weighted by rows: Naeini, Cooper, Hauskrecht, AAAI 2015).
"""

from __future__ import annotations

from typing import Literal

from lapwise.core.errors import DeclarationError
from lapwise.core.evidence import Task
from lapwise.core.model import Record

__all__ = ["METRICS", "Metric", "directed_metric", "find_metric"]


class Metric(Record, frozen=True, kw_only=True):
    """A metric's name and nature.

    ``higher_is_better`` is None where neither way is good in itself (``selection_rate``).
    ``counts`` says of which classes a value needs rows: none in particular, the positive, the
    negative, or each. ``lowest`` and ``highest`` bound its values.
    """

    name: str
    tasks: tuple[Task, ...]
    higher_is_better: bool | None
    needs_threshold: bool = False
    counts: Literal["any", "positive", "negative", "each"] = "any"
    lowest: float = 0.0
    highest: float = 1.0


_INFINITE = float("inf")
_TABLE = (
    Metric(name="roc_auc", tasks=("binary", "multiclass"), higher_is_better=True, counts="each"),
    Metric(name="average_precision", tasks=("binary",), higher_is_better=True, counts="positive"),
    Metric(
        name="log_loss",
        tasks=("binary", "multiclass"),
        higher_is_better=False,
        highest=_INFINITE,
    ),
    Metric(name="brier", tasks=("binary",), higher_is_better=False),
    Metric(name="calibration_error", tasks=("binary",), higher_is_better=False),
    Metric(
        name="accuracy",
        tasks=("binary", "multiclass"),
        higher_is_better=True,
        needs_threshold=True,
    ),
    Metric(
        name="precision",
        tasks=("binary",),
        higher_is_better=True,
        needs_threshold=True,
        counts="positive",
    ),
    Metric(
        name="recall",
        tasks=("binary", "multiclass"),
        higher_is_better=True,
        needs_threshold=True,
        counts="positive",
    ),
    Metric(
        name="f1",
        tasks=("binary",),
        higher_is_better=True,
        needs_threshold=True,
        counts="positive",
    ),
    Metric(
        name="true_positive_rate",
        tasks=("binary",),
        higher_is_better=True,
        needs_threshold=True,
        counts="positive",
    ),
    Metric(
        name="false_positive_rate",
        tasks=("binary",),
        higher_is_better=False,
        needs_threshold=True,
        counts="negative",
    ),
    Metric(name="selection_rate", tasks=("binary",), higher_is_better=None, needs_threshold=True),
    Metric(name="r2", tasks=("regression",), higher_is_better=True, lowest=-_INFINITE),
    Metric(name="mae", tasks=("regression",), higher_is_better=False, highest=_INFINITE),
    Metric(name="rmse", tasks=("regression",), higher_is_better=False, highest=_INFINITE),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}
"""Every metric by its name; not to be changed."""


def find_metric(name: str) -> Metric:
    """Return a metric by its name.

    Raises:
        DeclarationError: there is no such metric; the error lists those there are.

    >>> find_metric("log_loss").higher_is_better
    False
    """
    if name not in METRICS:
        raise DeclarationError(
            "there is no metric of this name", value=name, expected=", ".join(sorted(METRICS))
        )
    return METRICS[name]


def directed_metric(name: str) -> Metric:
    """Return a metric of which more, or less, is better.

    Raises:
        DeclarationError: there is no such metric, or neither way is better.
    """
    metric = find_metric(name)
    if metric.higher_is_better is None:
        raise DeclarationError(
            f"neither more nor less {name} is better in itself, so no gate but Gap can judge it",
            expected="Gap(" + repr(name) + ', across="a_column", max=0.1)',
        )
    return metric
