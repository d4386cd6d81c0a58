"""What drift of features and of predictions have in common: columns that stray for days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.core.clock import format_time
from lapwise.monitoring.discoveries import discoveries
from lapwise.monitoring.model import Finding

if TYPE_CHECKING:
    from lapwise.monitoring.stray import Calm
    from lapwise.monitoring.window import Window

__all__ = ["find_shifts", "tell_shift"]

_QUIET = 0.8


def find_shifts(
    window: Window, columns: Sequence[Calm], *, chance: float, least: float
) -> list[Finding]:
    """Return a finding for each column whose reference says how far calm days stray.

    Args:
        window: the days.
        columns: what to compare, with their reference.
        chance: the chance of any false discovery on one day.
        least: the smallest distance that matters.
    """
    judged = [one for one in columns if one.known]
    if not judged:
        return []
    blocks = window.blocks(max(one.rows for one in judged))
    if not blocks:
        return []
    strays = [one.stray([counts[one.bins.name] for _, counts in blocks]) for one in judged]
    chances = [one.p(stray) for one, stray in zip(judged, strays, strict=True)]
    found = discoveries(chances, chance)
    findings = []
    for one, stray, p, loud in zip(judged, strays, chances, found, strict=True):
        limit = max(one.limit(chance / len(judged)), least)
        findings.append(
            Finding(
                subject=one.bins.name,
                loud=loud and stray >= least,
                quiet=stray < _QUIET * limit,
                size=stray,
                measured=stray,
                limit=limit,
                p=p,
                since=blocks[-1][0],
            )
        )
    return findings


def tell_shift(finding: Finding) -> str:
    """Say how a column strays, in numbers."""
    return (
        f"unlike the reference since {format_time(finding.since)[:10]}: {finding.measured:.2f} away "
        f"from its most alike days (0 to 1), where calm days stay within {finding.limit:.2f} "
        f"(chance {finding.p:.1g})"
    )
