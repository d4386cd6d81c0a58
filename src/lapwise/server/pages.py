"""The web pages: each address is one question, and may be shared."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, Parameter, SkipValidation

from lapwise.server.asked import FromStore, Number
from lapwise.server.assets import Assets
from lapwise.server.catalogue import names
from lapwise.server.rendering import Rendered
from lapwise.server.shown import render_page
from lapwise.server.views.drift import drift_page
from lapwise.server.views.lap import lap_page
from lapwise.server.views.loop import loop_page
from lapwise.server.views.model import model_page, rollouts_page
from lapwise.server.views.rollout import rollout_page
from lapwise.server.views.version import version_page

__all__ = ["AssetPages", "Pages"]

_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}

Text = Annotated[str, Parameter(max_length=200)]
Kept = NamedDependency[SkipValidation[Assets]]


class Pages(Controller):
    """Pages about loops and models."""

    include_in_schema = False

    @get("/", sync_to_thread=True)
    def front(
        self, store: FromStore, renderer: Rendered, metric: Text = "", by: Text = "day"
    ) -> Response[str]:
        """Show the loop that moved last, or how to go the first lap."""
        products = names(store)
        if not products:
            facts = {"runs": len(store.runs.search(limit=1).items)}
            return render_page(
                renderer, "empty.html", store, product="", here="loop", arrivals=True, **facts
            )
        facts = loop_page(store, products[0], metric=metric, by=by)
        return render_page(
            renderer, "loop.html", store, product=products[0], here="loop", arrivals=True, **facts
        )

    @get("/loops/{loop:str}", sync_to_thread=True)
    def loop(
        self,
        store: FromStore,
        renderer: Rendered,
        loop: FromPath[str],
        metric: Text = "",
        by: Text = "day",
    ) -> Response[str]:
        """Show a loop and its ledger."""
        facts = loop_page(store, loop, metric=metric, by=by)
        return render_page(renderer, "loop.html", store, product=loop, here="loop", **facts)

    @get("/loops/{loop:str}/laps/{number:int}", sync_to_thread=True)
    def lap(
        self, store: FromStore, renderer: Rendered, loop: FromPath[str], number: Number
    ) -> Response[str]:
        """Show one lap."""
        facts = lap_page(store, loop, number)
        return render_page(renderer, "lap.html", store, product=loop, here="loop", **facts)

    @get("/models/{model:str}", sync_to_thread=True)
    def model(self, store: FromStore, renderer: Rendered, model: FromPath[str]) -> Response[str]:
        """Show a model's versions."""
        facts = model_page(store, model)
        return render_page(renderer, "model.html", store, product=model, here="versions", **facts)

    @get("/models/{model:str}/versions/{number:int}", sync_to_thread=True)
    def version(
        self, store: FromStore, renderer: Rendered, model: FromPath[str], number: Number
    ) -> Response[str]:
        """Show one version with its lineage, verdicts, metrics and approvals."""
        facts = version_page(store, model, number)
        return render_page(renderer, "version.html", store, product=model, here="versions", **facts)

    @get("/models/{model:str}/drift", sync_to_thread=True)
    def drift(
        self,
        store: FromStore,
        renderer: Rendered,
        model: FromPath[str],
        days: Annotated[int | None, Parameter(ge=0, le=36_500)] = None,
        feature: Text = "",
    ) -> Response[str]:
        """Show drift and performance over time."""
        facts = drift_page(store, model, days=days, feature=feature)
        return render_page(renderer, "drift.html", store, product=model, here="drift", **facts)

    @get("/models/{model:str}/rollouts", sync_to_thread=True)
    def rollouts(self, store: FromStore, renderer: Rendered, model: FromPath[str]) -> Response[str]:
        """Show a model's rollouts."""
        facts = rollouts_page(store, model)
        return render_page(
            renderer, "rollouts.html", store, product=model, here="rollouts", **facts
        )

    @get("/models/{model:str}/rollouts/{number:int}", sync_to_thread=True)
    def rollout(
        self, store: FromStore, renderer: Rendered, model: FromPath[str], number: Number
    ) -> Response[str]:
        """Show one rollout with its evidence."""
        facts = rollout_page(store, model, number)
        return render_page(renderer, "rollout.html", store, product=model, here="rollouts", **facts)


class AssetPages(Controller):
    """What pages load besides themselves."""

    include_in_schema = False

    @get("/assets/{digest:str}/{name:str}", sync_to_thread=True)
    def asset(
        self,
        request: Request[Any, Any, Any],
        assets: Kept,
        digest: FromPath[str],
        name: FromPath[str],
    ) -> Response[bytes]:
        """Return a file whose address holds its digest."""
        try:
            found = assets.get(name)
        except KeyError:
            raise NotFoundException from None
        if found.digest[:16] != digest:
            raise NotFoundException
        headers = _FOREVER | {"vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                found.compressed,
                media_type=found.media_type,
                headers=headers | {"content-encoding": "gzip"},
            )
        return Response(found.content, media_type=found.media_type, headers=headers)
