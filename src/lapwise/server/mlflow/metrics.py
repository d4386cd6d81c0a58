"""MLflow's calls for the history of metrics: whole by pages, or thinned for a chart."""

from __future__ import annotations

from collections.abc import Iterable

from lapwise.core.model import Metric, Run
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import find_run
from lapwise.server.mlflow.run_shapes import MetricShape, metric_shape
from lapwise.server.mlflow.wire import Answer, Number, Request, needed, number, to_milliseconds

__all__ = ["ENDPOINTS"]

_MOST = 25_000
_MOST_RUNS = 100
_THINNED = 320
_MOST_THINNED = 2500


class GetHistory(Request, frozen=True, kw_only=True):
    """Asks for every value of a metric, a page at a time."""

    run_id: str = ""
    run_uuid: str = ""
    metric_key: str = ""
    page_token: str = ""
    max_results: int = _MOST


class History(Answer, frozen=True, kw_only=True):
    """Values of a metric, by step."""

    metrics: tuple[MetricShape, ...] = ()
    next_page_token: str = ""


class GetBulk(Request, frozen=True, kw_only=True):
    """Asks for a metric of many runs."""

    run_id: tuple[str, ...] = ()
    metric_key: str = ""
    max_results: int = _MOST


class GetInterval(Request, frozen=True, kw_only=True):
    """Asks for a metric of many runs between two steps, thinned for a chart."""

    run_ids: tuple[str, ...] = ()
    metric_key: str = ""
    start_step: int | None = None
    end_step: int | None = None
    max_results: int = _THINNED


class OfRun(Answer, frozen=True, kw_only=True):
    """A value of a metric in a run."""

    key: str
    value: Number
    timestamp: int
    step: int
    run_id: str


class Bulk(Answer, frozen=True, kw_only=True):
    """Values of a metric, run by run."""

    metrics: tuple[OfRun, ...] = ()


@endpoint("GET", "metrics/get-history")
def get_history(visit: Visit, asked: GetHistory) -> History:
    """Return every value of a metric of a run, by step."""
    run = find_run(visit, asked.run_id or asked.run_uuid)
    key = needed(asked.metric_key, "metric_key")
    if asked.max_results < 1:
        raise Refusal(f"Invalid value {asked.max_results} for parameter 'max_results' supplied.")
    page = visit.store.runs.points(
        run.id, key, limit=min(asked.max_results, _MOST), after=asked.page_token
    )
    return History(
        metrics=tuple(metric_shape(one) for one in page.items), next_page_token=page.next
    )


@endpoint("GET", "metrics/get-history-bulk")
def get_bulk(visit: Visit, asked: GetBulk) -> Bulk:
    """Return the values of a metric of many runs, at most 25,000 in all."""
    runs = _runs(visit, asked.run_id, "run_id")
    key = needed(asked.metric_key, "metric_key")
    left = min(max(asked.max_results, 1), _MOST)
    found: list[OfRun] = []
    for run in runs:
        page = visit.store.runs.points(run.id, key, limit=left)
        found += _of_run(run, page.items)
        left -= len(page.items)
        if left <= 0:
            break
    return Bulk(metrics=tuple(found))


@endpoint("GET", "metrics/get-history-bulk-interval")
def get_interval(visit: Visit, asked: GetInterval) -> Bulk:
    """Return so many values of a metric of each run that a chart looks as with all of them."""
    runs = _runs(visit, asked.run_ids, "run_ids")
    key = needed(asked.metric_key, "metric_key")
    start, end = asked.start_step, asked.end_step
    if (start is None) is not (end is None):
        raise Refusal("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise Refusal(
            "end_step must be greater than start_step. "
            f"Found start_step={start} and end_step={end}."
        )
    if not 1 <= asked.max_results <= _MOST_THINNED:
        raise Refusal(f"max_results must be between 1 and {_MOST_THINNED}")
    found: list[OfRun] = []
    for run in runs:
        points = visit.store.runs.curve(
            run.id,
            key,
            points=max(asked.max_results, 3),
            start=start,
            end=None if end is None else end + 1,
        )
        found += _of_run(run, points)
    return Bulk(metrics=tuple(found))


def _runs(visit: Visit, ids: tuple[str, ...], name: str) -> list[Run]:
    if not ids:
        raise Refusal(f"the request must specify at least one {name}")
    if len(ids) > _MOST_RUNS:
        raise Refusal(f"the request cannot specify more than {_MOST_RUNS} runs; it has {len(ids)}")
    return [find_run(visit, id) for id in sorted(set(ids))]


def _of_run(run: Run, points: Iterable[Metric]) -> list[OfRun]:
    return [
        OfRun(
            key=one.name,
            value=number(one.value),
            timestamp=to_milliseconds(one.at),
            step=one.step,
            run_id=run.id,
        )
        for one in points
    ]


ENDPOINTS = (get_history, get_bulk, get_interval)
