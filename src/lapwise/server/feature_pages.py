"""The pages of features: all of them, and one with its versions."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get
from litestar.params import FromPath, FromQuery, Parameter

from lapwise.server.asked import FromStore
from lapwise.server.rendering import Rendered
from lapwise.server.shown import render_page
from lapwise.server.views.features import feature_page, features_page

__all__ = ["FeaturePages"]

Text = Annotated[str, Parameter(max_length=200)]


class FeaturePages(Controller):
    """Pages about features; each address may be shared."""

    include_in_schema = False

    @get("/features", sync_to_thread=True)
    def features(
        self,
        store: FromStore,
        renderer: Rendered,
        loop: Text = "",
        former: FromQuery[bool] = False,
    ) -> Response[str]:
        """Show what loops declare, or what one declares."""
        facts = features_page(store, loop=loop, former=former)
        return render_page(renderer, "features.html", store, product=loop, here="features", **facts)

    @get("/features/{view:str}", sync_to_thread=True)
    def feature(
        self,
        store: FromStore,
        renderer: Rendered,
        view: FromPath[str],
        loop: Text = "",
        version: Text = "",
        feature: Text = "",
    ) -> Response[str]:
        """Show one view, or the functions of one name, in one of its versions."""
        facts = feature_page(store, view, loop=loop, version=version, feature=feature)
        return render_page(renderer, "feature.html", store, here="features", **facts)
