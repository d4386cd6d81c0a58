"""Look for leakage in what the candidate was trained and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.data import FeatureSource, find_leakage

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.core.evidence import Finding
    from lapwise.core.model import Split
    from lapwise.features import FeatureView
    from lapwise.loop.steps.parts import Rows

__all__ = ["search_leakage"]


def search_leakage(
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    split: Split,
    features: Sequence[str],
    views: Sequence[FeatureView],
    row: str,
    *,
    rows: Rows,
) -> list[Finding]:
    """Return what each rule finds; views say when the newest row behind a value became known."""
    sources = [
        FeatureSource(feature=name, known=f"{view.name}__known")
        for view in views
        for name in view.names
    ]
    return list(find_leakage(rows(), features=features, split=split, row=row, sources=sources))
