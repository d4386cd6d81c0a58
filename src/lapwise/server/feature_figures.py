"""How a feature is spread: a chart as plain data, and a small one for a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from lapwise.loop.spread import bin_labels
from lapwise.server.figures import Figure

if TYPE_CHECKING:
    from lapwise.core.feature import FeatureSummary

__all__ = ["Bar", "bars", "spread"]

_LABEL = 24
_HEIGHT = 24.0
_WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in a box of 100 by 24."""

    x: float
    y: float
    width: float
    height: float


def bars(summary: FeatureSummary) -> Sequence[Bar]:
    """Return a small picture of how values are spread; empty if there is none."""
    counts = [*summary.counts, *([summary.other] if summary.other else [])]
    most = max(counts, default=0)
    if not most:
        return ()
    step = _WIDTH / len(counts)
    found = []
    for place, count in enumerate(counts):
        height = round(max(_HEIGHT * count / most, 1.0 if count else 0.0), 2)
        found.append(
            Bar(round(place * step, 2), round(_HEIGHT - height, 2), round(step * 0.86, 2), height)
        )
    return found


def spread(summary: FeatureSummary) -> Figure | None:
    """Return the share of examples in each bin, or of each value; None where nothing is known.

    Bins stand side by side at one width, for the outermost reach to the least and the greatest value;
    missing values, and values that are no number, stand apart.
    """
    if not any(summary.counts):
        return None
    labels, counts = [_short(one) for one in bin_labels(summary)], list(summary.counts)
    if summary.other:
        labels.append("all others")
        counts.append(summary.other)
    total = max(summary.rows, 1)
    data = [_trace(labels, counts, total, "--series-1", "examples")]
    apart = [("missing", summary.nulls), ("NaN or infinite", summary.odd)]
    shown = [(label, count) for label, count in apart if count]
    if shown:
        names, numbers = zip(*shown, strict=True)
        data.append(_trace(list(names), list(numbers), total, "--series-2", "no value"))
    return {
        "data": data,
        "layout": {
            "height": 320,
            "bargap": 0.08,
            "barmode": "overlay",
            "showlegend": len(data) > 1,
            "xaxis": {"type": "category", "showgrid": False, "tickangle": "auto"},
            "yaxis": {"tickformat": ".0~%", "rangemode": "tozero"},
            "hovermode": "closest",
        },
    }


def _trace(
    labels: Sequence[str], counts: Sequence[int], total: int, colour: str, name: str
) -> Figure:
    return {
        "type": "bar",
        "name": name,
        "x": list(labels),
        "y": [round(count / total, 6) for count in counts],
        "customdata": list(counts),
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": "%{x}<br>%{y:.2%}, %{customdata:,} examples<extra></extra>",
    }


def _short(label: str) -> str:
    return escape(label if len(label) <= _LABEL else label[: _LABEL - 1] + "…")
