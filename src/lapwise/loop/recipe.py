"""What a version needs besides its files to answer a request: how its input row is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lapwise.core.digest import Digest, digest_value
from lapwise.core.model import Column, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.features import FeatureView, OnDemand
    from lapwise.store.model import Store

__all__ = [
    "Categories",
    "FeaturePart",
    "Recipe",
    "feature_parts",
    "keep_recipe",
    "read_features",
    "read_recipe",
]

_KIND = "recipe"


class Categories(Record, frozen=True, kw_only=True):
    """The values of a text column that training saw, sorted; more than 10,000 are not kept."""

    column: str
    values: tuple[str, ...]


class FeaturePart(Record, frozen=True, kw_only=True):
    """One declared feature: ``kind`` is ``feature_view``, ``on_demand`` or ``input``.

    ``digest`` is that of the kept definition; an input has none.
    """

    kind: str
    name: str
    digest: Digest = ""


class Recipe(Record, frozen=True, kw_only=True):
    """How rows become a model's inputs, without the user's page.

    ``row``, ``time`` and ``unit`` name columns of a request; ``inputs`` are the columns it must
    carry; ``features`` are in the order of the page.
    """

    row: str
    time: str
    unit: str | None
    inputs: tuple[Column, ...]
    features: tuple[FeaturePart, ...]
    categories: tuple[Categories, ...] = ()


def keep_recipe(recipe: Recipe, store: Store) -> Digest:
    """Keep a recipe and return its digest."""
    digest = digest_value(recipe)
    store.records.add(_KIND, digest, recipe)
    return digest


def read_recipe(digest: Digest, store: Store) -> Recipe:
    """Return a recipe; raises NotFoundError."""
    return cast("Recipe", store.records.get(_KIND, digest, Recipe))


def read_features(recipe: Recipe, store: Store) -> list[FeatureView | OnDemand | str]:
    """Return a recipe's features as they were declared, without the page.

    Raises:
        NotFoundError: a definition is gone.
    """
    from lapwise.features import read_feature

    return [
        part.name if part.kind == "input" else read_feature(part.kind, part.digest, store)
        for part in recipe.features
    ]


def feature_parts(features: Sequence[FeatureView | OnDemand | str]) -> tuple[FeaturePart, ...]:
    """Return features as a recipe names them."""
    from lapwise.features import FeatureView, view_digest

    parts = []
    for one in features:
        if isinstance(one, str):
            parts.append(FeaturePart(kind="input", name=one))
        elif isinstance(one, FeatureView):
            digest = view_digest(one)
            parts.append(FeaturePart(kind="feature_view", name=one.name, digest=digest))
        else:
            parts.append(FeaturePart(kind="on_demand", name=one.name, digest=one.digest))
    return tuple(parts)
