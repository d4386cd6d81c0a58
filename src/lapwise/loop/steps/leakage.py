"""Look for leakage in what the candidate was trained and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.data import FeatureSource, find_leakage
from lapwise.loop.steps.parts import in_parts

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.evidence import Finding
    from lapwise.core.model import FeatureFrame, Split
    from lapwise.features import FeatureView
    from lapwise.store.model import Store

__all__ = ["search_leakage"]


def search_leakage(
    examples: pl.DataFrame,
    split: Split,
    frame: FeatureFrame,
    features: Sequence[str],
    views: Sequence[FeatureView],
    row: str,
    *,
    store: Store,
) -> list[Finding]:
    """Return what each rule finds; views say when the newest row behind a value became known."""
    rows = in_parts(examples, split, frame, row=row, store=store)
    sources = [
        FeatureSource(feature=name, known=f"{view.name}__known")
        for view in views
        for name in view.names
    ]
    return list(find_leakage(rows, features=features, split=split, row=row, sources=sources))
