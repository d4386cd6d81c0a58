"""Charts over time as plain data: Plotly figures whose colours are names of the style sheet.

A string that starts with ``--`` is a custom property of ``lapwise.css``, put in by ``charts.js``; so
a chart follows the reader's colour scheme. Times are text in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from lapwise.core.clock import format_time
from lapwise.server.observed import Point, Takeover, by_month, points, trailing
from lapwise.server.wording import metric_name, moment

if TYPE_CHECKING:
    from lapwise.core.observation import Alarm, DayPerformance

__all__ = ["Figure", "Marks", "calibration", "heat", "performance", "shares", "text_time"]

Figure: TypeAlias = dict[str, Any]

_LABELS_SHOWN = 40
_COLOURS = 13  # of bins, in the style sheet


@dataclass(frozen=True, slots=True)
class Marks:
    """What happened meanwhile, drawn into charts over time.

    ``alarms`` are marks at the top; ``changes``, when versions took over, are lines; ``names`` says
    what the versions are called, by id.
    """

    alarms: Sequence[Alarm]
    changes: Sequence[Takeover]
    names: Mapping[str, str]


def text_time(at: int) -> str:
    """Return a time as charts read it, without a zone: all are UTC."""
    return format_time(at)[:19]


def performance(
    days: Sequence[DayPerformance],
    metric: str,
    *,
    monthly: bool,
    marks: Marks,
) -> Figure | None:
    """Return a metric by day with its week's mean, or by month; None when nothing was measured.

    Args:
        days: performance by day, oldest first.
        metric: its name in the days' metrics.
        monthly: one point a month, the mean of its days by labelled rows.
        marks: what happened meanwhile.
    """
    series = points(days, metric)
    if not series:
        return None
    title = metric_name(metric)
    if monthly:
        traces = [_line(by_month(series), "by month", "--series-1", mode="lines+markers")]
    else:
        traces = [
            _line(series, "of the day", "--series-1-faint", width=1),
            _line(trailing(series), "mean of 7 days", "--series-1", width=2.25),
        ]
    figure = _over_time(traces, title, marks)
    figure["layout"]["yaxis"]["tickformat"] = ".3~f"
    return figure


def calibration(days: Sequence[DayPerformance], *, marks: Marks) -> Figure | None:
    """Return what the model said and what happened, by day: the mean score and the base rate."""
    known = [day for day in days if day.labelled]
    if not known:
        return None
    said = [Point(day.day, day.mean_score, day.rows) for day in known]
    came = [Point(day.day, day.base_rate, day.labelled) for day in known]
    traces = [
        _line(came, "base rate", "--series-2", width=1.5),
        _line(said, "mean score", "--series-1", width=2),
    ]
    figure = _over_time(traces, "share", marks)
    figure["layout"]["yaxis"] |= {"tickformat": ".0%", "rangemode": "tozero"}
    return figure


def heat(
    days: Sequence[int], features: Sequence[str], values: Sequence[Sequence[float | None]]
) -> Figure:
    """Return how unusual each feature was, a row a feature and a column a day.

    Args:
        days: first microseconds, oldest first.
        features: names, the one that moved most first.
        values: ``values[feature][day]``, the day's distance from the reference in that which the
            reference's own days keep: up to 1 is usual, and has no colour.
    """
    trace = {
        "type": "heatmap",
        "x": [text_time(one)[:10] for one in days],
        "y": list(features),
        "z": [[None if one is None else round(one, 3) for one in row] for row in values],
        "zmin": 0,
        "zmax": 4,
        "colorscale": [
            [0, "--heat-0"],
            [0.25, "--heat-0"],
            [0.5, "--heat-1"],
            [1, "--heat-2"],
        ],
        "colorbar": {
            "thickness": 10,
            "outlinewidth": 0,
            "len": 1,
            "tickvals": [0, 1, 2, 3, 4],
            "ticktext": ["0", "1×", "2×", "3×", "4×"],
        },
        "hovertemplate": "%{y}<br>%{x}<br>%{z:.2f}× a usual day<extra></extra>",
        "xgap": 0 if len(days) > 60 else 1,
        "ygap": 2,
    }
    layout = {
        "height": 50 + 24 * len(features),
        "xaxis": {"type": "date"},
        "yaxis": {"autorange": "reversed", "automargin": True, "ticks": "", "showgrid": False},
        "margin": {"t": 8},
        "hovermode": "closest",
    }
    return {"data": [trace], "layout": layout}


def shares(
    days: Sequence[int],
    counts: Sequence[Sequence[int]],
    reference: Sequence[int],
    labels: Sequence[str],
) -> Figure:
    """Return the share of each bin by day, stacked, beside the reference's.

    Args:
        days: first microseconds, oldest first.
        counts: ``counts[day][bin]``; days of another number of bins are left out.
        reference: the reference's counts by bin; empty when there is none.
        labels: what the bins are called.
    """
    kept = [pair for pair in zip(days, counts, strict=True) if len(pair[1]) == len(labels)]
    traces: list[Figure] = []
    for place, label in enumerate(labels):
        colour = _ramp(place, len(labels))
        bar = {
            "type": "bar",
            "name": escape(label[:_LABELS_SHOWN]),
            "marker": {"color": colour, "line": {"width": 0}},
            "legendgroup": str(place),
            "hovertemplate": "%{y:.1%}",
        }
        if reference:
            traces.append(
                bar
                | {"x": ["reference"], "y": [_share(reference, place)], "xaxis": "x2"}
                | {"showlegend": False}
            )
        traces.append(
            bar
            | {"x": [text_time(one)[:10] for one, _ in kept]}
            | {"y": [_share(row, place) for _, row in kept]}
        )
    layout: Figure = {
        "barmode": "stack",
        "bargap": 0,
        "height": 340,
        "xaxis": {"type": "date", "domain": [0.12 if reference else 0, 1]},
        "yaxis": {"tickformat": ".0%", "range": [0, 1]},
        "legend": {"traceorder": "normal"},
    }
    if reference:
        layout["xaxis2"] = {"domain": [0, 0.08], "anchor": "y", "type": "category"}
        layout["yaxis"]["anchor"] = "x2"
    return {"data": traces, "layout": layout}


def _line(
    series: Sequence[Point], name: str, colour: str, *, width: float = 2, mode: str = "lines"
) -> Figure:
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": [text_time(point.at) for point in series],
        "y": [round(point.value, 6) for point in series],
        "line": {"color": colour, "width": width},
        "marker": {"color": colour, "size": 7},
    }


def _over_time(traces: list[Figure], title: str, marks: Marks) -> Figure:
    """Return a figure with alarms as marks at its top and takeovers as lines through it."""
    first, last = traces[0]["x"][0], traces[0]["x"][-1]
    shown = [one for one in marks.changes if first <= text_time(one.at) <= last]
    for kind, colour in (("drift", "--warn"), ("harm", "--bad")):
        raised = [one for one in marks.alarms if one.kind == kind and text_time(one.at) >= first]
        if raised:
            traces.append(_triangles(raised, kind, colour))
    return {
        "data": traces,
        "layout": {
            "height": 300,
            "hovermode": "x unified",
            "xaxis": {"type": "date", "hoverformat": "%a %Y-%m-%d"},
            "yaxis": {"title": {"text": title}},
            "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
            "shapes": [_rule(text_time(one.at)) for one in shown],
            "annotations": [
                _name(text_time(one.at), marks.names.get(one.version, "")) for one in shown
            ],
        },
    }


def _triangles(alarms: Sequence[Alarm], kind: str, colour: str) -> Figure:
    said = [f"{escape(one.sentence)} (since {moment(one.since)})" for one in alarms]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"{kind} alarm",
        "x": [text_time(one.at) for one in alarms],
        "y": [0.97] * len(alarms),
        "yaxis": "y2",
        "marker": {"symbol": "triangle-down", "size": 11, "color": colour},
        "text": said,
        "hovertemplate": "%{text}<extra></extra>",
    }


def _rule(x: str) -> Figure:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "--line-strong", "width": 1, "dash": "dot"},
    }


def _name(x: str, text: str) -> Figure:
    return {
        "x": x,
        "y": 0,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "left",
        "text": escape(text),
        "showarrow": False,
        "font": {"color": "--muted", "size": 11},
    }


def _share(counts: Sequence[int], place: int) -> float | None:
    total = sum(counts)
    return round(counts[place] / total, 5) if total else None


def _ramp(place: int, size: int) -> str:
    """Return a colour of the ramp, spread over ``size`` bins."""
    return f"--bin-{round(place * (_COLOURS - 1) / max(size - 1, 1))}"
