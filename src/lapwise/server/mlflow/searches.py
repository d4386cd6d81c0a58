"""MLflow's searches of runs and of the datasets that they read.

Filters and orders are read by the store, whose language holds MLflow's; pages are the store's, too.
"""

from __future__ import annotations

from lapwise.core.tracked import LOGGED_MODEL
from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.experiment_ids import Ids, experiments_of, id_of
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.run_shapes import RunShape, run_shape
from lapwise.server.mlflow.wire import Answer, Request, ViewType, archived_of, bounded

__all__ = ["ENDPOINTS"]

_MOST = 50_000
_PORTION = 1000
_MOST_SUMMARIES = 1000
_CONTEXT = "mlflow.data.context"


class SearchRuns(Request, frozen=True, kw_only=True):
    """Asks for runs, a page at a time."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    run_view_type: ViewType = "ACTIVE_ONLY"
    max_results: int = 1000
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class FoundRuns(Answer, frozen=True, kw_only=True):
    """A page of runs."""

    runs: tuple[RunShape, ...] = ()
    next_page_token: str = ""


class SearchDatasets(Request, frozen=True, kw_only=True):
    """Asks which datasets were read in experiments."""

    experiment_ids: tuple[str, ...] = ()


class DatasetSummary(Answer, frozen=True, kw_only=True):
    """A dataset that some run of an experiment read."""

    experiment_id: str
    name: str
    digest: str
    context: str = ""


class FoundDatasets(Answer, frozen=True, kw_only=True):
    """Datasets, the newest first."""

    dataset_summaries: tuple[DatasetSummary, ...] = ()


@endpoint("POST", "runs/search")
def search_runs(visit: Visit, asked: SearchRuns) -> FoundRuns:
    """Return runs for which a filter is true, with all that was logged to them."""
    most = bounded(asked.max_results, "max_results", _MOST)
    archived = archived_of(asked.run_view_type)
    among = experiments_of(visit, asked.experiment_ids)
    if archived is not None and among and all(one.archived for one in among):
        # Deleting an experiment deletes its runs with it, in the eyes of MLflow.
        among = among if archived else []
        archived = None
    elif archived is False:
        among = [one for one in among if not one.archived]
    if not among:
        return FoundRuns()
    page = visit.store.runs.search(
        asked.filter,
        experiments=[one.name for one in among],
        order=asked.order_by,
        archived=archived,
        limit=most,
        after=asked.page_token,
    )
    ids = Ids(visit)
    given = visit.store.logged.of_runs([one.run.id for one in page.items])
    found = tuple(
        run_shape(
            one.run,
            ids,
            params=one.params,
            metrics=one.metrics,
            tags=one.tags,
            inputs=one.inputs,
            outputs=given[one.run.id],
        )
        for one in page.items
    )
    return FoundRuns(runs=found, next_page_token=page.next)


@endpoint("POST", "experiments/search-datasets")
def search_datasets(visit: Visit, asked: SearchDatasets) -> FoundDatasets:
    """Return the datasets that the newest runs of experiments read, at most a thousand."""
    if not asked.experiment_ids:
        raise Refusal("SearchDatasets request must specify at least one experiment_id.")
    found: dict[tuple[str, str, str, str], DatasetSummary] = {}
    for experiment in experiments_of(visit, asked.experiment_ids):
        page = visit.store.runs.search(
            "", experiments=[experiment.name], columns=["inputs"], limit=_PORTION
        )
        id = id_of(experiment)
        for read in (read for one in page.items for read in one.inputs):
            if read.kind == LOGGED_MODEL:
                continue
            contexts = [tag.value for tag in read.tags if tag.name == _CONTEXT] or [""]
            for context in contexts:
                found[id, read.name, read.digest, context] = DatasetSummary(
                    experiment_id=id, name=read.name, digest=read.digest, context=context
                )
    return FoundDatasets(dataset_summaries=tuple(found.values())[:_MOST_SUMMARIES])


ENDPOINTS = (search_runs, search_datasets)
