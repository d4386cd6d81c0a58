"""What production is compared with: a version's frozen bins, and how training filled them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from lapwise.core.errors import NotFoundError
from lapwise.monitoring.reference import Reference
from lapwise.server.observed import divergence

if TYPE_CHECKING:
    from lapwise.monitoring.bins import Bins as Frozen
    from lapwise.store.model import Store

__all__ = ["Bins", "make_bins", "read_reference"]

_KIND = "reference"
_LEAST = 0.02  # below it a distance is of no interest, whatever the reference did


@dataclass(frozen=True, slots=True)
class Bins:
    """A feature's bins: how many rows of the reference fell into each, and what each is called.

    ``usual`` is the distance that 19 of 20 days of the reference keep from all of it: a weekday is
    one bin on any one day, and no surprise.
    """

    counts: tuple[int, ...]
    labels: tuple[str, ...]
    usual: float


def make_bins(days: Sequence[Sequence[int]], labels: Sequence[str]) -> Bins:
    """Return bins from the counts of each day of a reference.

    >>> make_bins([(5, 5), (5, 5)], ("low", "high")).usual
    0.02
    """
    counts = tuple(map(sum, zip(*days, strict=True)))
    found = sorted(one for day in days if (one := divergence(counts, day)) is not None)
    usual = found[min(len(found) * 19 // 20, len(found) - 1)] if found else 0.0
    return Bins(counts, tuple(labels), max(usual, _LEAST))


def read_reference(store: Store, version: str) -> dict[str, Bins]:
    """Return the bins of each feature, those of the score under ``score``; empty if none is kept."""
    try:
        found = cast("Reference", store.records.get(_KIND, version, Reference))
    except NotFoundError:
        return {}
    return {
        one.bins.name: make_bins(one.counts, tuple(_labels(one.bins)))
        for one in found.counted
        if one.counts
    }


def _labels(bins: Frozen) -> Iterator[str]:
    """Yield what each bin is called, in the order that ``lapwise.monitoring.bins`` gives them."""
    yield "missing"
    if bins.kind == "text":
        yield from bins.categories
        yield "others"
        return
    edges = [f"{edge:.4g}" for edge in bins.edges]
    if edges:
        yield f"< {edges[0]}"
        # Of a few distinct values the last bin is one value wide.
        yield from (low if low == high else f"{low} – {high}" for low, high in pairwise(edges))
        yield f"≥ {edges[-1]}"
    else:
        yield "any"
