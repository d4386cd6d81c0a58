"""L004: a label was known only after the next part began."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from lapwise.core.duration import format_duration
from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import PARTS, Subject

__all__ = ["find_short_embargo"]


def find_short_embargo(subject: Subject) -> Finding:
    """L004: rows whose label was known at or after the first instant of the next part.

    What it does:
        For a time split, blocks if a training label was known at or after the start of validation,
        or a validation label at or after the start of the test.

    Why it is bad:
        On the day the test begins nobody could have trained on such a row: the measured model could
        not have existed. The windows of labels and features overlap (López de Prado, Advances in
        Financial Machine Learning, 2018, chapter 7: purging and embargo).

    Example:
        Churn within thirty days, trained up to the day before the test.
    """
    if subject.split.kind != "time":
        return Finding(
            rule="L004",
            severity="not_applicable",
            sentence=f"A {subject.split.kind} split has no order in which labels could come too late.",
        )
    starts = {part.name: part.start for part in subject.split.parts}
    late, longest = 0, 0
    for part, following in pairwise(PARTS):
        start = starts.get(following)
        if start is None:
            continue
        over = subject.part(part).select(pl.col("label_known").to_physical() - start).to_series()
        late += int((over >= 0).sum())
        longest = max(longest, int(over.max() or 0))  # type: ignore[arg-type]  # integers
    if late:
        sentence = (
            f"{late:,} rows have a label that was known only after the next part began,"
            f" the latest {format_duration(longest)} after."
        )
    else:
        sentence = (
            f"All labels of training and validation were known before the next part began"
            f" (embargo {format_duration(subject.split.embargo)})."
        )
    return Finding(rule="L004", severity="block" if late else "clear", sentence=sentence, rows=late)
