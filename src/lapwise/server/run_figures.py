"""Charts of metrics over steps, as plain data; see ``figures.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from lapwise.server.figures import Figure, text_time

if TYPE_CHECKING:
    from lapwise.core.model import Metric

__all__ = ["history"]

_COLOURS = 13  # of bins, in the style sheet
_NAME = 60


def history(curves: Sequence[tuple[str, Sequence[Metric]]], title: str = "") -> Figure | None:
    """Return curves over steps, or over time where steps say nothing; None without two points.

    Args:
        curves: (name, values by step); values that are no number are gaps.
        title: what is on the upright axis.
    """
    drawn = [(name, points) for name, points in curves if len(points) > 1]
    if not drawn:
        return None
    by_time = all(points[0].step == points[-1].step for _, points in drawn)
    traces = []
    for place, (name, points) in enumerate(drawn):
        colour = _colour(place, len(drawn))
        x = [text_time(one.at) if by_time else one.step for one in points]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines" if len(points) > 2 else "lines+markers",
                "name": escape(name[:_NAME]),
                "x": x,
                "y": [one.value if math.isfinite(one.value) else None for one in points],
                "line": {"color": colour, "width": 1.75},
                "marker": {"color": colour, "size": 5},
            }
        )
    return {
        "data": traces,
        "layout": {
            "height": 240 if len(drawn) == 1 else 340,
            "showlegend": len(drawn) > 1,
            "hovermode": "x unified" if len(drawn) < 8 else "closest",
            "xaxis": {"type": "date"} if by_time else {"title": {"text": "step"}},
            "yaxis": {"title": {"text": escape(title[:_NAME])}} if title else {},
        },
    }


def _colour(place: int, size: int) -> str:
    if size <= 2:
        return f"--series-{place + 1}"
    return f"--bin-{round(place * (_COLOURS - 1) / (size - 1))}"
