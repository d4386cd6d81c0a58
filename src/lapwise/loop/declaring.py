"""Say in the store what a page declares, and how fresh its views are online."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.feature import Declared, ViewFreshness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lapwise.core.digest import Digest
    from lapwise.features import FeatureView, OnlineStore, ViewStats
    from lapwise.loop.model import Loop
    from lapwise.store.model import Store

__all__ = ["declare_features", "declared_by", "fresh_views", "note_freshness"]


def declare_features(store: Store, loop: Loop, at: int) -> None:
    """Keep the definitions of a page's views and on-demand features, and that it declares them.

    Args:
        store: where they are kept.
        loop: the page.
        at: the world's time.
    """
    from lapwise.features import keep_definition

    for feature in loop.features:
        if not isinstance(feature, str):
            keep_definition(feature, store)
    store.features.declare(declared_by(loop, at))


def declared_by(loop: Loop, at: int) -> tuple[Declared, ...]:
    """Return what a page declares, in its order."""
    from lapwise.features import FeatureView, definition_digest
    from lapwise.features.words import feature_words

    declared = []
    for feature in loop.features:
        if isinstance(feature, str):
            continue
        is_view = isinstance(feature, FeatureView)
        declared.append(
            Declared(
                digest=definition_digest(feature),
                name=feature.name,
                kind="view" if is_view else "on_demand",
                features=feature.names if isinstance(feature, FeatureView) else feature.outputs,
                words=feature_words(feature),
                table=feature.table.name if isinstance(feature, FeatureView) else "",
                by=feature.by if isinstance(feature, FeatureView) else (),
                inputs=() if isinstance(feature, FeatureView) else feature.inputs,
                owner=feature.owner if isinstance(feature, FeatureView) else "",
                loop=loop.name,
                declared=at,
                said=at,
            )
        )
    return tuple(declared)


def note_freshness(
    store: Store,
    loop: Loop,
    online: OnlineStore,
    at: int,
    *,
    stats: Mapping[Digest, ViewStats] | None = None,
    upheld: Sequence[FeatureView] = (),
) -> None:
    """Keep how fresh a page's views are online, those that were materialised.

    Args:
        store: where it is kept.
        loop: the page.
        online: the online store.
        at: the world's time.
        stats: what the online store holds, if it was counted.
        upheld: views to tell of besides.
    """
    seen = fresh_views(loop, online, at, counted=stats or {}, upheld=upheld)
    store.features.note([*seen.values()])


def fresh_views(
    loop: Loop,
    online: OnlineStore,
    at: int,
    *,
    counted: Mapping[Digest, ViewStats | ViewFreshness],
    upheld: Sequence[FeatureView] = (),
) -> dict[Digest, ViewFreshness]:
    """Return how fresh a page's views are online, those that were materialised.

    Args:
        loop: the page.
        online: the online store.
        at: the world's time.
        counted: what it holds of views, as far as that was counted.
        upheld: views to tell of besides.
    """
    from lapwise.features import view_digest

    seen = {}
    for view in (*loop.views, *upheld):
        digest, state = view_digest(view), online.state(view)
        if state is None:
            continue
        count = counted.get(digest)
        seen[digest] = ViewFreshness(
            loop=loop.name,
            digest=digest,
            view=view.name,
            table=view.table.name,
            by=view.by,
            watermark=state.watermark,
            latest=state.latest,
            floor=state.floor,
            noted=at,
            entities=count.entities if count else None,
            rows=count.rows if count else None,
        )
    return seen
