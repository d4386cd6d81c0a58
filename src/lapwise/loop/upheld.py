"""Views that the page declares otherwise by now, and that a version which answers was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.features import FeatureView, view_digest
from lapwise.loop.recipe import read_features, read_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lapwise.core.model import ModelVersion
    from lapwise.loop.model import Loop
    from lapwise.store.model import Store

__all__ = ["upheld_views"]


def upheld_views(store: Store, loop: Loop) -> tuple[FeatureView, ...]:
    """Return the views that must be kept up beside the page's, each once.

    They are those of the versions that are deployed, and of the newest, which may be approved next.

    Args:
        store: where versions and definitions are.
        loop: the page; its tables are read for these views too.

    Raises:
        CorruptError: a definition is not what its digest says.
    """
    found = {view_digest(view): view for view in loop.views}
    own = len(found)
    for version in _answering(store, loop.name):
        if version.lineage.recipe is not None:
            recipe = read_recipe(version.lineage.recipe, store.records)
            for one in read_features(recipe, store.records):
                if isinstance(one, FeatureView):
                    found.setdefault(view_digest(one), one)
    return tuple(found.values())[own:]


def _answering(store: Store, model: str) -> Iterator[ModelVersion]:
    deployed = store.deployments.newest(model)
    if deployed is not None:
        for version in (deployed.production, deployed.canary, deployed.shadow):
            if version is not None:
                yield store.models.get(version)
    yield from store.models.list(model, limit=1)
