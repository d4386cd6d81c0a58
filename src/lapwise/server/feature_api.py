"""The REST API of features, read side."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Controller, get
from litestar.params import FromPath, FromQuery

from lapwise.core.feature import Verification, ViewFreshness
from lapwise.loop.describing import DescribedView, describe_all, find_described
from lapwise.server.asked import After, FromStore, Limit
from lapwise.server.views.features import world_time

__all__ = ["FeatureApi"]


class FeatureApi(Controller):
    """Feature views and on-demand features: definitions, use, freshness, distributions, proof."""

    tags = ("features",)

    @get("/features", sync_to_thread=True)
    def features(
        self,
        store: FromStore,
        loop: FromQuery[str | None] = None,
        former: FromQuery[bool] = False,
    ) -> Sequence[DescribedView]:
        """Return what loops declare now, by name; with ``former`` earlier versions too."""
        return describe_all(store, now=world_time(store, loop), loop=loop, former=former)

    @get("/features/{view:str}", sync_to_thread=True)
    def versions(
        self, store: FromStore, view: FromPath[str], loop: FromQuery[str | None] = None
    ) -> Sequence[DescribedView]:
        """Return all versions of what bears a name, what is declared now first."""
        return find_described(store, view, now=world_time(store, loop), loop=loop)

    @get("/freshness", sync_to_thread=True)
    def freshness(
        self, store: FromStore, loop: FromQuery[str | None] = None, limit: Limit = 1000
    ) -> Sequence[ViewFreshness]:
        """Return what was online of each view when that was last noted, the latest noted first."""
        return store.features.freshness(loop, limit=limit)

    @get("/models/{model:str}/verifications", sync_to_thread=True)
    def verifications(
        self, store: FromStore, model: FromPath[str], limit: Limit = 100, after: After = ""
    ) -> Sequence[Verification]:
        """Return what recomputing a model's logged vectors found, newest first."""
        return store.features.proofs(model, limit=limit, after=after)
