"""Verdicts of gates as rows of a table, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lapwise.server.intervals import Bounds, Interval, place

if TYPE_CHECKING:
    from lapwise.core.model import Verdict

__all__ = ["VerdictRow", "verdict_rows"]


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A verdict, where it is drawn, and the same for each slice (drawn on one scale)."""

    verdict: Verdict
    interval: Interval
    parts: tuple[VerdictRow, ...] = ()


def verdict_rows(verdicts: Sequence[Verdict]) -> tuple[VerdictRow, ...]:
    """Return rows; a verdict and its slices share a scale, verdicts among them do not."""
    rows = []
    for verdict in verdicts:
        drawn = place([_bounds(one) for one in (verdict, *verdict.parts)], zero=False)
        pairs = zip(verdict.parts, drawn[1:], strict=True)
        rows.append(VerdictRow(verdict, drawn[0], tuple(VerdictRow(*pair) for pair in pairs)))
    return tuple(rows)


def _bounds(verdict: Verdict) -> Bounds:
    return Bounds(verdict.measured, verdict.low, verdict.high, verdict.limit)
