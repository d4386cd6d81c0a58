"""Why a served vector is not what the tables say, and what that is looked for in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import polars as pl

from lapwise.core.feature import CauseKind
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.model import FeatureView
from lapwise.features.proving.bits import unequal
from lapwise.features.proving.suspects import Request

__all__ = ["Again", "Cause", "Former", "Served", "Traces"]

Again: TypeAlias = Callable[
    [FeatureView, pl.DataFrame, int], tuple[int, Mapping[str, Sequence[Any]]] | None
]
"""Asks the online store now, for one entity as of a time or the first after it that it still answers
for: gives that time and one value for each feature; None if there is no answer."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a value differs, and the sentence that tells it."""

    kind: CauseKind
    sentence: str


@dataclass(frozen=True, slots=True)
class Former:
    """A table as it was read before: all its rows known before ``watermark`` (microseconds)."""

    name: str
    watermark: int
    rows: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class Traces:
    """What causes are looked for in, beside the log and the tables.

    Args:
        former: by table, how it was read before, newest first.
        others: other versions of definitions that may have answered.
        again: asks the online store now.
    """

    former: Mapping[str, Sequence[Former]] = field(default_factory=dict)
    others: Sequence[FeatureView | OnDemand] = ()
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """One vector of a view: what was asked, what was answered (one row), and what is right."""

    request: Request
    logged: pl.DataFrame
    offline: pl.DataFrame

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in order."""
        return self.request.view.names

    def equal(self, found: pl.DataFrame) -> pl.DataFrame:
        """Return for each row of ``found`` which features are as they were served."""
        return pl.DataFrame(
            [
                ~unequal(self.logged[name].gather([0] * found.height), found[name]).alias(name)
                for name in self.names
            ]
        )

    def is_given_by(self, found: pl.DataFrame) -> bool:
        """Return whether a single row is what was served."""
        return all(self.equal(found).row(0))
