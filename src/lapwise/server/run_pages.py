"""The web pages of runs."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar import Controller, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromQuery, Parameter

from lapwise.server.asked import FromStore
from lapwise.server.download import LARGEST_PICTURE, picture_type
from lapwise.server.rendering import Rendered
from lapwise.server.run_api import find_artifact
from lapwise.server.shown import render_page
from lapwise.server.views.comparison import comparison_page
from lapwise.server.views.run import run_page
from lapwise.server.views.runs import Asked, runs_page

__all__ = ["RunPages"]

Text: TypeAlias = Annotated[str, Parameter(max_length=1_000)]
Filter: TypeAlias = Annotated[str, Parameter(max_length=10_000)]
Reference: TypeAlias = Annotated[str, Parameter(max_length=100)]

# A picture that somebody opens by itself is still nobody's page.
_ALONE = {"content-security-policy": "default-src 'none'; sandbox"}


class RunPages(Controller):
    """Pages about runs."""

    include_in_schema = False

    @get("/runs", sync_to_thread=True)
    def runs(
        self,
        store: FromStore,
        renderer: Rendered,
        where: Filter = "",
        experiment: Text = "",
        order: Text = "",
        columns: Filter = "",
        archived: FromQuery[bool] = False,
        after: Filter = "",
    ) -> Response[str]:
        """Show runs that a filter finds."""
        asked = Asked(where.strip(), experiment, order.strip(), columns.strip(), archived, after)
        facts = runs_page(store, asked)
        answer = render_page(renderer, "runs.html", store, product="", here="runs", **facts)
        if facts["problem"] is not None:
            answer.status_code = 400
        return answer

    @get("/runs/{reference:str}", sync_to_thread=True)
    def run(
        self,
        store: FromStore,
        renderer: Rendered,
        reference: Reference,
        find: Text = "",
        at: Annotated[int, Parameter(ge=0, le=10_000_000)] = 0,
        show: Text = "",
    ) -> Response[str]:
        """Show one run."""
        facts = run_page(store, reference, find=find, at=at, show=show)
        return render_page(renderer, "run.html", store, product="", here="runs", **facts)

    @get("/runs/{reference:str}/picture", sync_to_thread=True)
    def picture(self, store: FromStore, reference: Reference, name: Text) -> Response[bytes]:
        """Show a picture that a run kept, if its bytes are one that cannot hold a script."""
        found = find_artifact(store, reference, name)
        if found.size > LARGEST_PICTURE:
            raise NotFoundException
        content = store.blobs.get(found.digest)
        kind = picture_type(content[:16])
        if kind is None:
            raise NotFoundException
        return Response(content, media_type=kind, headers=_ALONE)

    @get("/compare", sync_to_thread=True)
    def compare(
        self,
        store: FromStore,
        renderer: Rendered,
        runs: Annotated[list[str] | None, Parameter(max_items=1_000)] = None,
        by: Text = "",
        draw: Text = "",
        system: FromQuery[bool] = False,
    ) -> Response[str]:
        """Show runs beside each other: ``runs=41,43``, or ``runs`` several times."""
        named = [one.strip() for part in runs or () for one in part.split(",") if one.strip()]
        facts = comparison_page(store, named, by=by, draw=draw, system=system)
        return render_page(renderer, "comparison.html", store, product="", here="runs", **facts)
