"""Look for leakage in what the candidate was trained and judged on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lapwise.data import FeatureSource, FeatureTable, LabelTable, find_leakage, scan

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.core.evidence import Finding
    from lapwise.core.model import DatasetVersion, Split
    from lapwise.data import Label
    from lapwise.features import FeatureView
    from lapwise.loop.steps.parts import Rows
    from lapwise.store.model import Store

__all__ = ["search_leakage"]


def search_leakage(
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    split: Split,
    features: Sequence[str],
    views: Sequence[FeatureView],
    row: str,
    label: Label,
    digests: Sequence[str],  # noqa: ARG001 - part of the key: they name the versions
    *,
    rows: Rows,
    versions: Mapping[str, DatasetVersion],
    store: Store,
) -> list[Finding]:
    """Return what each rule finds; views say when the newest row behind a value became known."""
    sources = [
        FeatureSource(feature=name, known=f"{view.name}__known")
        for view in views
        for name in view.names
    ]
    reading: dict[str, list[FeatureView]] = {}
    for view in views:
        reading.setdefault(view.table.name, []).append(view)
    tables = [
        FeatureTable(
            table=name,
            views=tuple(view.name for view in those),
            known=those[0].table.known,
            rows=scan(versions[name], store),
        )
        for name, those in reading.items()
    ]
    truth = LabelTable(
        table=label.table.name,
        on=label.columns,
        value=label.value,
        event=label.table.event,
        known=label.table.known,
        rows=scan(versions[label.table.name], store),
    )
    return list(
        find_leakage(
            rows(),
            features=features,
            split=split,
            row=row,
            sources=sources,
            tables=tables,
            label=truth,
        )
    )
