"""A version that can answer: the loaded model, and how its inputs are made of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lapwise.core.model import Column, ModelVersion
from lapwise.core.protocols import ColumnScorer, FeatureLookup

__all__ = ["OpenVersion", "ServedVersion"]


@dataclass(frozen=True, kw_only=True)
class ServedVersion:
    """What answers for one version.

    Attributes:
        version: its name, number, signature, task, classes and threshold.
        scorer: the loaded model. It is called on the event loop: a call takes microseconds, and
            handing it to a thread would cost more.
        lookup: makes the signature's columns of what a request carries; None if every caller gives
            them.
        inputs: what a request carries for the lookup, with Polars types as text.
        row: the column that names a row; empty if there is none.
        unit: the column that names the sticky unit, if there is one.
        categories: by column of the signature, the values that training saw.
    """

    version: ModelVersion
    scorer: ColumnScorer
    lookup: FeatureLookup | None = None
    inputs: tuple[Column, ...] = ()
    row: str = ""
    unit: str | None = None
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)


OpenVersion: TypeAlias = Callable[[str], ServedVersion]
"""Loads a version by its id; raises LapwiseError."""
