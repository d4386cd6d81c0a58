"""Runs beside each other: what differs, what explains a metric, and its course in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import DeclarationError
from lapwise.server.addresses import address
from lapwise.server.run_figures import history
from lapwise.tracking import compare, package_changes

if TYPE_CHECKING:
    from lapwise.server.figures import Figure
    from lapwise.store.model import Store
    from lapwise.tracking import Comparison

__all__ = ["MOST_COMPARED", "comparison_page"]

MOST_COMPARED = 500
_BESIDE = 6
_COLUMNS = 24
_CURVES = 12
_OFFERED = 30
_TRIED = 12


def comparison_page(
    store: Store, runs: Sequence[str], *, by: str, draw: str, system: bool = False
) -> dict[str, Any]:
    """Return the facts of the page.

    Args:
        store: where the runs are.
        runs: numbers or ids.
        by: the metric that causes are ranked by; empty for the likeliest.
        draw: the metric whose course is drawn; empty for the one ranked by.
        system: whether what the machine did is listed too.

    Raises:
        NotFoundError: there is no such run.
        TrackingError: no run was named, or none has the metric.
        DeclarationError: too many.
    """
    if len(runs) > MOST_COMPARED:
        raise DeclarationError(
            "too many runs to compare on a page",
            value=len(runs),
            expected=f"at most {MOST_COMPARED}",
            fix="lapwise compare, or lw.compare",
        )
    found = compare(store, runs, metric=by or None, system=system)
    metrics = [one.name for one in found.different if one.kind == "metric"]
    courses = _likely_courses(store, found)
    drawn, figure = _drawn(store, found, (draw, found.metric, *courses, *metrics[:_TRIED]))
    beside = len(found.runs) <= _BESIDE
    shown = [one for one in found.different if one.kind != "package"]
    asked = "true" if system else ""
    here = ",".join(str(run.number) for run in found.runs)
    return {
        "found": found,
        "beside": beside,
        "shown": shown if beside else shown[:_COLUMNS],
        "hidden": () if beside else shown[_COLUMNS:],
        "packages": package_changes(found),
        "unfolded": address("/compare", runs=here, by=by, draw=draw, system="true"),
        "figure": figure,
        "drawn": drawn,
        "curves": min(len(found.runs), _CURVES),
        "offered": [
            (name, address("/compare", runs=here, by=by, draw=name, system=asked))
            for name in dict.fromkeys((drawn, *courses))
        ],
        "ranked": [
            (name, address("/compare", runs=here, by=name, draw=draw, system=asked))
            for name in metrics[:_OFFERED]
        ]
        if found.metric
        else [],
    }


def _likely_courses(store: Store, found: Comparison) -> list[str]:
    """Return metrics of the first run that were logged with steps, the longest courses first."""
    run = found.runs[0].id
    metrics = store.runs.metrics([run]).get(run, ())
    stepped = sorted((one for one in metrics if one.step > 0), key=lambda one: -one.step)
    return [one.name for one in stepped[:_TRIED]]


def _drawn(store: Store, found: Comparison, metrics: Sequence[str]) -> tuple[str, Figure | None]:
    """Return the first of some metrics that has a course, drawn."""
    for metric in dict.fromkeys(filter(None, metrics)):
        figure = history(
            [
                (f"run {run.number:03d}", store.runs.curve(run.id, metric))
                for run in found.runs[:_CURVES]
            ],
            metric,
        )
        if figure is not None:
            return metric, figure
    return "", None
