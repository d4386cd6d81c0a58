"""Collect examples, and divide them into parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lapwise.data import build_examples

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import DatasetVersion, Split
    from lapwise.data import Examples
    from lapwise.store.model import Store

__all__ = ["collect", "divide"]


def collect(
    examples: Examples,
    digests: Sequence[str],  # noqa: ARG001 - part of the key: they name the versions
    as_of: int,
    since: int | None,
    carry: Sequence[str],
    *,
    versions: Mapping[str, DatasetVersion],
    store: Store,
) -> pl.DataFrame:
    """Return the examples that were predicted before ``as_of``, with labels as known by then.

    Those before ``since`` are in no part, and left out.
    """
    return build_examples(examples, versions, store, as_of=as_of, since=since, carry=carry)


def divide(
    examples: pl.DataFrame,
    split: Any,
    salt: str,
    as_of: int,
    previous: Split | None,
    row: str,
    *,
    store: Store,
) -> Split:
    """Return the frozen split of the examples."""
    found: Split = split.assign(examples, store, row=row, as_of=as_of, salt=salt, previous=previous)
    return found
