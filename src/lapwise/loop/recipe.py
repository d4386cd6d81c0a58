"""What a version needs besides its files to answer a request: how its input row is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lapwise.core.digest import Digest, digest_value
from lapwise.core.model import Column, KeyPart, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.features import FeatureView, OnDemand
    from lapwise.store.model import RecordSource, Store

__all__ = [
    "Categories",
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


class Recipe(Record, frozen=True, kw_only=True):
    """How rows become a model's inputs, without the user's page.

    ``row``, ``time`` and ``unit`` name columns of a request; ``inputs`` are the columns it must
    carry. ``features`` are in the order of the page, each with the digest of its kept definition; a
    plain input has none.
    """

    row: str
    time: str
    unit: str | None
    inputs: tuple[Column, ...]
    features: tuple[KeyPart, ...]
    categories: tuple[Categories, ...] = ()


def keep_recipe(recipe: Recipe, store: Store) -> Digest:
    """Keep a recipe and return its digest."""
    digest = digest_value(recipe)
    store.records.add(_KIND, digest, recipe)
    return digest


def read_recipe(digest: Digest, records: RecordSource) -> Recipe:
    """Return a recipe; raises NotFoundError."""
    return cast("Recipe", records.get(_KIND, digest, Recipe))


def read_features(recipe: Recipe, records: RecordSource) -> list[FeatureView | OnDemand | str]:
    """Return a recipe's features as they were declared, without the page.

    Raises:
        NotFoundError: a definition is gone.
    """
    from lapwise.features import load_definition

    return [
        load_definition(part.digest, records) if part.digest else part.name
        for part in recipe.features
    ]


def feature_parts(features: Sequence[FeatureView | OnDemand | str]) -> tuple[KeyPart, ...]:
    """Return features as a recipe names them."""
    from lapwise.features import definition_digest

    return tuple(
        KeyPart(name=one, digest="")
        if isinstance(one, str)
        else KeyPart(name=one.name, digest=definition_digest(one))
        for one in features
    )
