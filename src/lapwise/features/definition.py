"""Definitions of features as the store keeps them, apart from the page that declared them."""

from __future__ import annotations

from typing import cast

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest, digest_bytes, digest_value, encode_canonical
from lapwise.core.duration import format_duration
from lapwise.core.errors import CorruptError, FeatureError, NotFoundError
from lapwise.features.expressions.demand import OnDemand, OnDemandDefinition
from lapwise.features.model import (
    SEMANTICS,
    FeatureView,
    ViewDefinition,
    view_definition,
    view_digest,
)
from lapwise.store.model import RecordSource, Store

__all__ = ["definition_digest", "keep_definition", "load_definition", "load_view", "view_of"]

_VIEW = "feature_view"
_ON_DEMAND = "on_demand"


def definition_digest(feature: FeatureView | OnDemand) -> Digest:
    """Return the version of a feature's definition."""
    return view_digest(feature) if isinstance(feature, FeatureView) else feature.digest


def keep_definition(feature: FeatureView | OnDemand, store: Store) -> Digest:
    """Keep a definition and return its digest."""
    digest = definition_digest(feature)
    if isinstance(feature, FeatureView):
        store.records.add(_VIEW, digest, view_definition(feature))
    else:
        store.records.add(_ON_DEMAND, digest, feature.definition)
    return digest


def load_definition(digest: Digest, records: RecordSource) -> FeatureView | OnDemand:
    """Return a view or on-demand features as they were declared.

    A view's table comes back without its source, which is no part of what the view means.

    Raises:
        NotFoundError: no definition has this digest.
        CorruptError: what is kept under it is another definition.
        FeatureError: a Lapwise that gave other numbers for the same words declared it.
        DeclarationError: an on-demand expression is not element-wise.
    """
    try:
        view = load_view(digest, records)
    except NotFoundError:
        found = cast("OnDemandDefinition", records.get(_ON_DEMAND, digest, OnDemandDefinition))
        _check(found.name, digest, digest_bytes(encode_canonical(found)))
        return OnDemand.of(found)
    if view.semantics != SEMANTICS:
        raise FeatureError(
            f"view '{view.name}' was declared when its words gave other numbers",
            value=f"semantics {view.semantics}",
            expected=f"semantics {SEMANTICS}",
            fix="lapwise lap",
        )
    return view_of(view)


def load_view(digest: Digest, records: RecordSource) -> ViewDefinition:
    """Return a view's record.

    Raises:
        NotFoundError: no view has this digest.
        CorruptError: what is kept under it is another view.
    """
    view = cast("ViewDefinition", records.get(_VIEW, digest, ViewDefinition))
    _check(view.name, digest, digest_value(view))
    return view


def view_of(definition: ViewDefinition) -> FeatureView:
    """Return a view as it was declared, but for its table's source and its owner."""
    table = Table(
        definition.table,
        definition.table,
        key=definition.key,
        event=definition.event,
        known=definition.known,
    )
    grain = format_duration(definition.grain)
    features = dict(definition.features)
    return FeatureView(definition.name, table, definition.by, features, grain=grain)


def _check(name: str, kept: Digest, found: Digest) -> None:
    """Refuse a record that was changed since: a model would be answered by another definition."""
    if found != kept:
        raise CorruptError(
            f"the definition of '{name}' was changed where it is kept",
            value=found[:12],
            expected=kept[:12],
            fix="restore the database from a backup, or lapwise lap for a new version",
        )
