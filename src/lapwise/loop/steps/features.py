"""Compute the feature frame of a lap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lapwise.data import scan
from lapwise.features import build_frame

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import DatasetVersion, FeatureFrame
    from lapwise.core.protocols import Progress
    from lapwise.store.model import Store

__all__ = ["compute_features"]


def compute_features(
    examples: pl.DataFrame,
    features: Sequence[Any],
    digests: Sequence[str],  # noqa: ARG001 - part of the key: they name the versions
    row: str,
    *,
    versions: Mapping[str, DatasetVersion],
    store: Store,
    progress: Progress,
) -> FeatureFrame:
    """Return the features of every example as of its time, kept in the store."""
    return build_frame(
        examples,
        features,
        time="time",
        row=row,
        tables={name: scan(version, store) for name, version in versions.items()},
        datasets=versions,
        store=store,
        progress=progress,
    )
