"""Runs over REST, for looking: search, what was logged, points and curves, files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, TypeAlias

from litestar import Controller, get
from litestar.params import Parameter
from litestar.response import Stream

from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.model import Artifact, Metric, Param, Run, Tag
from lapwise.core.tracked import Experiment, Page, RunInput, RunSummary
from lapwise.server.asked import FromStore, Limit, RangeHeader
from lapwise.server.download import stream_blob
from lapwise.store.model import Store
from lapwise.tracking import Comparison, compare

__all__ = ["RunApi"]

Where: TypeAlias = Annotated[
    str, Parameter(max_length=10_000, description="A filter, such as metrics.auc > 0.7.")
]
After: TypeAlias = Annotated[
    str, Parameter(max_length=4_000, description="`next` of the page before.")
]
Names: TypeAlias = Annotated[
    list[str] | None, Parameter(max_items=1_000, description="May be given several times.")
]
Name: TypeAlias = Annotated[str, Parameter(min_length=1, max_length=1_000)]
Reference: TypeAlias = Annotated[str, Parameter(max_length=100, description="A number or an id.")]
Archived: TypeAlias = Annotated[bool, Parameter(description="Look among what is archived instead.")]
Step: TypeAlias = Annotated[int | None, Parameter(ge=-(2**63), le=2**63 - 1)]

_MOST_COMPARED = 1_000


class RunApi(Controller):
    """Experiments, and runs with what was logged to them."""

    tags = ("runs",)

    @get("/experiments", sync_to_thread=True)
    def experiments(
        self,
        store: FromStore,
        where: Where = "",
        order: Names = None,
        archived: Archived = False,
        limit: Limit = 100,
        after: After = "",
    ) -> Page[Experiment]:
        """Return experiments for which ``where`` is true, newest first, a page at a time."""
        return store.experiments.search(
            where, order=order or (), archived=archived, limit=limit, after=after
        )

    @get("/runs", sync_to_thread=True)
    def runs(
        self,
        store: FromStore,
        where: Where = "",
        experiments: Names = None,
        order: Names = None,
        columns: Names = None,
        archived: Archived = False,
        limit: Limit = 100,
        after: After = "",
    ) -> Page[RunSummary]:
        """Return runs for which ``where`` is true, newest first, a page at a time.

        ``columns`` are such as ``metrics.auc``, ``params`` or ``tags``; without any all come.
        """
        return store.runs.search(
            where,
            experiments=experiments or (),
            order=order or (),
            columns=columns,
            archived=archived,
            limit=limit,
            after=after,
        )

    @get("/comparison", sync_to_thread=True)
    def comparison(
        self,
        store: FromStore,
        runs: Annotated[str, Parameter(max_length=30_000, description="Numbers, by commas.")],
        metric: Annotated[str | None, Parameter(max_length=1_000)] = None,
    ) -> Comparison:
        """Return runs beside each other: what differs first, what is the same only counted."""
        named = [one.strip() for one in runs.split(",") if one.strip()]
        if len(named) > _MOST_COMPARED:
            raise DeclarationError(
                "too many runs to compare at once", expected=f"at most {_MOST_COMPARED}"
            )
        return compare(store, named, metric=metric)

    @get("/runs/{reference:str}", sync_to_thread=True)
    def run(self, store: FromStore, reference: Reference) -> Run:
        """Return one run with its capture, by number or id."""
        return store.runs.get(reference)

    @get("/runs/{reference:str}/params", sync_to_thread=True)
    def params(self, store: FromStore, reference: Reference) -> Sequence[Param]:
        """Return a run's parameters by name."""
        run = store.runs.get(reference).id
        return store.runs.params([run]).get(run, ())

    @get("/runs/{reference:str}/metrics", sync_to_thread=True)
    def metrics(self, store: FromStore, reference: Reference) -> Sequence[Metric]:
        """Return the last value of each of a run's metrics by name; NaN and infinities are null."""
        run = store.runs.get(reference).id
        return store.runs.metrics([run]).get(run, ())

    @get("/runs/{reference:str}/tags", sync_to_thread=True)
    def labels(self, store: FromStore, reference: Reference) -> Sequence[Tag]:
        """Return a run's tags by name."""
        run = store.runs.get(reference).id
        return store.runs.tags([run]).get(run, ())

    @get("/runs/{reference:str}/inputs", sync_to_thread=True)
    def inputs(self, store: FromStore, reference: Reference) -> Sequence[RunInput]:
        """Return the datasets that a run read."""
        run = store.runs.get(reference).id
        return store.runs.inputs([run]).get(run, ())

    @get("/runs/{reference:str}/points", sync_to_thread=True)
    def points(
        self,
        store: FromStore,
        reference: Reference,
        metric: Name,
        limit: Annotated[int, Parameter(ge=1, le=50_000)] = 1_000,
        after: After = "",
    ) -> Page[Metric]:
        """Return every value of a metric by step, a page at a time."""
        run = store.runs.get(reference).id
        return store.runs.points(run, metric, limit=limit, after=after)

    @get("/runs/{reference:str}/curve", sync_to_thread=True)
    def curve(
        self,
        store: FromStore,
        reference: Reference,
        metric: Name,
        points: Annotated[int, Parameter(ge=3, le=5_000)] = 320,
        start: Step = None,
        end: Step = None,
    ) -> Sequence[Metric]:
        """Return at most ``points`` values that look like all of them, extremes and ends kept."""
        run = store.runs.get(reference).id
        return store.runs.curve(run, metric, points=points, start=start, end=end)

    @get("/runs/{reference:str}/artifacts", sync_to_thread=True)
    def artifacts(self, store: FromStore, reference: Reference) -> Sequence[Artifact]:
        """Return a run's artifacts by name, with digest and size."""
        return store.runs.artifacts(store.runs.get(reference).id)

    @get("/runs/{reference:str}/artifacts/content")
    async def content(
        self, store: FromStore, reference: Reference, name: Name, asked: RangeHeader = ""
    ) -> Stream:
        """Return an artifact's bytes, or a range of them; always to be saved, never to be shown."""
        found = await asyncio.to_thread(find_artifact, store, reference, name)
        return await stream_blob(store, found.digest, name=name.rpartition("/")[2], asked=asked)

    @get("/runs/{reference:str}/patch")
    async def patch(
        self, store: FromStore, reference: Reference, asked: RangeHeader = ""
    ) -> Stream:
        """Return what was not committed when the run started, for ``git apply``."""
        run = await asyncio.to_thread(store.runs.get, reference)
        if run.capture is None or run.capture.patch is None:
            raise NotFoundError("this run has no patch", expected="a run that started dirty")
        name = f"run-{run.number:03d}.patch"
        return await stream_blob(store, run.capture.patch, name=name, asked=asked)

    @get("/runs/{reference:str}/packages")
    async def packages(
        self, store: FromStore, reference: Reference, asked: RangeHeader = ""
    ) -> Stream:
        """Return the exact packages that were installed when the run started, one a line."""
        run = await asyncio.to_thread(store.runs.get, reference)
        if run.capture is None:
            raise NotFoundError("nothing was captured of this run")
        name = f"run-{run.number:03d}-packages.txt"
        return await stream_blob(store, run.capture.packages, name=name, asked=asked)


def find_artifact(store: Store, reference: str, name: str) -> Artifact:
    """Return an artifact of a run by name; raises NotFoundError."""
    for one in store.runs.artifacts(store.runs.get(reference).id):
        if one.name == name:
            return one
    raise NotFoundError("the run has no artifact of that name", expected="one that its page lists")
