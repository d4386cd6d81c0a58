"""L003: training rows are not all before the rows that judge them."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.duration import format_duration
from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import PARTS, Subject

__all__ = ["find_time_disorder"]


def find_time_disorder(subject: Subject) -> Finding:
    """L003: rows that come later than the next part's first, less the embargo.

    What it does:
        For a time split, blocks if the last example of a part plus the embargo is after the first
        of the next. Other splits mix times on purpose.

    Why it is bad:
        A model that trained on the future interpolates where it should foretell; random
        cross-validation cannot see it. Kapoor & Narayanan (Patterns 2023), type L3.1.

    Example:
        Rows joined by position after one frame was sorted anew, so that parts mix.
    """
    if subject.split.kind != "time":
        return Finding(
            rule="L003",
            severity="not_applicable",
            sentence=f"A {subject.split.kind} split mixes times on purpose.",
        )
    span = {
        part: (first, last)
        for part, first, last in subject.frame.group_by("part")
        .agg(
            pl.col("time").min().to_physical().alias("first"),
            pl.col("time").max().to_physical().alias("last"),
        )
        .iter_rows()
    }
    embargo = subject.split.embargo
    late, gaps = 0, []
    for part, following in pairwise(PARTS):
        limit = span[following][0] - embargo
        gaps.append(span[following][0] - span[part][1])
        late += subject.part(part).filter(pl.col("time").to_physical() > limit).height
    gap, wanted = min(gaps), format_duration(embargo)
    if late:
        sentence = f"{late:,} rows are less than {wanted} before the first row of the next part, or after it."
    else:
        sentence = (
            f"Training ends {format_time(span['train'][1])}, and between parts lie at least"
            f" {format_duration(gap)} (embargo {wanted})."
        )
    return Finding(
        rule="L003",
        severity="block" if late else "clear",
        sentence=sentence,
        rows=late,
        measured=gap / 1e6,
    )
